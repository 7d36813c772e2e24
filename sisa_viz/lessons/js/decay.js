// Decay × rotation × λ: what a state space would carry from a key to the query, by the distance between them.

import { fixed } from "../../explorer/js/maths/labels.js";
import { roundLimit } from "./maths/axis.js";
import { importances } from "./maths/importance.js";
import { softmax } from "./maths/weights.js";
import { Frame } from "./view/frame.js";
import { legend, panel, upright } from "./view/panel.js";
import { Slider } from "./view/slider.js";
import { line } from "./view/svg.js";

const DECADE = 20; // steps of the slider to a tenfold half-life
const TURN = 60; // steps of the slider to half a turn
const IMPORTANCE_TALL = 236, WEIGHTS_TALL = 210; // CSS pixels of the two panels

/** The half-life (tokens) of a slider's position, 0 to 60: 1 to 1,000, evenly in its logarithm. */
export const halfLifeOf = (position) => 10 ** (position / DECADE);

/** The angle (radians a token) of a slider's position, 0 to 60: 0 to π. */
export const angleOf = (position) => (Math.PI * position) / TURN;

const tokens = (count) => `${fixed(count, count < 99.95 ? 1 : 0)} tokens`;

export class DecayLesson {
  /** data: {content: nats of the key at each distance, size: |C||B|, start: {halfLife, angle, lam, distance} of the sliders} */
  constructor(root, { content, size, start }) {
    Object.assign(this, { content, size });
    const changed = () => this.frame.show();
    const itself = (value) => value;
    this.sliders = {
      halfLife: new Slider("half-life", { least: 0, most: 3 * DECADE, step: 1, start: start.halfLife }, { value: halfLifeOf, words: tokens, changed }),
      angle: new Slider("angle a token", { least: 0, most: TURN, step: 1, start: start.angle }, { value: angleOf, words: (angle) => `${fixed(angle, 2)} rad (${fixed((180 * angle) / Math.PI, 0)}°)`, changed }),
      lam: new Slider("λ", { least: 0, most: 4, step: 0.01, start: start.lam }, { value: itself, words: (lam) => fixed(lam, 2), changed }),
      distance: new Slider("look at distance", { least: 0, most: content.length - 1, step: 1, start: start.distance }, { value: itself, words: (distance) => `${distance}`, changed }),
    };
    this.frame = new Frame(root, {
      name: "decay, rotation and λ",
      controls: Object.values(this.sliders).map((slider) => slider.element),
      columns: ["distance", "content (nats)", "importance (nats)", "weight by content alone", "weight by both"],
      draw: (width) => this.draw(width),
      says: () => this.says(),
      rows: () => this.rows(),
    });
  }

  get numbers() {
    const { halfLife, angle, lam, distance } = this.sliders;
    const keys = importances(this.content.length, { halfLife: halfLife.value, angle: angle.value, lam: lam.value, size: this.size });
    const both = softmax(this.content.map((content, at) => content + keys[at].importance));
    return { keys, alone: softmax(this.content), both, at: distance.value, lam: lam.value };
  }

  says() {
    const { keys, alone, both, at, lam } = this.numbers, key = keys[at];
    const factors = `λ ${fixed(lam, 2)} × decay ${fixed(key.decay, 2)} × |C||B| ${fixed(this.size, 2)} × cos ${fixed(key.turned, 2)}, which is ${fixed(key.cosine, 2)}`;
    const importance = `At distance ${at} the importance is ${fixed(key.importance, 2)} nats: ${factors}.`;
    const weight = `This key's weight is ${fixed(both[at], 3)}; by content alone it is ${fixed(alone[at], 3)}.`;
    const most = both.indexOf(Math.max(...both));
    return { status: `${importance} ${weight}`, picture: `Importance and weight of ${keys.length} keys by their distance from the query; most weight, ${fixed(both[most], 3)}, lies at distance ${most}.` };
  }

  draw(width) {
    const { keys, alone, both, at } = this.numbers, n = keys.length;
    const limit = Math.max(1, roundLimit(Math.max(...keys.map(({ reach }) => reach))));
    const across = { low: -1, high: n, ticks: Array.from({ length: Math.ceil(n / 8) }, (_, each) => 8 * each) };
    const up = panel({ top: 0, width, height: IMPORTANCE_TALL }, { title: "importance (nats)", across, up: { low: -limit, high: limit } });
    const most = roundLimit(Math.max(...alone, ...both));
    const down = panel({ top: IMPORTANCE_TALL, width, height: WEIGHTS_TALL }, { title: "weight (probability)", across: { ...across, label: "distance from the query (tokens)" }, up: { low: 0, high: most } });
    const bar = Math.max(1.5, 0.62 * (up.x(1) - up.x(0)));
    for (const sign of [1, -1]) up.element.append(line(keys.map(({ reach }, d) => [up.x(d), up.y(sign * reach)]), { class: "reach" }));
    keys.forEach(({ importance }, d) => {
      up.element.append(upright(up, d, importance, { wide: bar, name: importance < 0 ? "minus" : "plus" }));
      down.element.append(upright(down, d, alone[d], { wide: bar * 1.45, name: "alone" }), upright(down, d, both[d], { wide: bar * 0.75, name: "both" }));
    });
    for (const { element, x, inner } of [up, down]) element.append(line([[x(at), inner.top - 4], [x(at), inner.bottom]], { class: "probe" }));
    return { height: IMPORTANCE_TALL + WEIGHTS_TALL + 22, parts: [up.element, down.element, legend(IMPORTANCE_TALL + WEIGHTS_TALL + 14, [["alone", "content alone"], ["both", "both terms"]])] };
  }

  rows() {
    const { keys, alone, both } = this.numbers;
    return keys.map(({ importance }, d) => [String(d), fixed(this.content[d], 2), fixed(importance, 2), fixed(alone[d], 3), fixed(both[d], 3)]);
  }
}
