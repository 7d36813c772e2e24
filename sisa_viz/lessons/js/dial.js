// The weights of one query under two terms, with the scale of the first and λ of the second as sliders.

import { brief, fixed, visible } from "../../explorer/js/maths/labels.js";
import { roundLimit } from "./maths/axis.js";
import { dialled, ranked } from "./maths/weights.js";
import { Frame } from "./view/frame.js";
import { label, legend, panel, upright } from "./view/panel.js";
import { Slider } from "./view/slider.js";

const SCORES_TALL = 220, SHARES_TALL = 220; // CSS pixels of the two panels

const quoted = (token) => `“${visible(token)}”`;

export class DialLesson {
  /** data: {tokens, products: q·k of each, importance: C̄·B̄ of each, scale: where its slider begins} */
  constructor(root, data) {
    this.data = data;
    const changed = () => this.frame.show(), value = (position) => position;
    this.divisor = new Slider("divide q·k by", { least: 1, most: 8, step: 0.5, start: data.scale }, { value, words: (scale) => fixed(scale, 1), changed });
    this.lam = new Slider("λ", { least: 0, most: 4, step: 0.01, start: 0 }, { value, words: (lam) => fixed(lam, 2), changed });
    this.frame = new Frame(root, {
      name: "scale and λ",
      controls: [this.divisor.element, this.lam.element],
      columns: ["key", "q·k", "C̄·B̄", "content (nats)", "λ × importance (nats)", "score (nats)", "weight"],
      draw: (width) => this.draw(width),
      says: () => this.says(),
      rows: () => this.rows(),
    });
  }

  get numbers() {
    return dialled(this.data, { divisor: this.divisor.value, lam: this.lam.value });
  }

  says() {
    const { content, added, scores, weights } = this.numbers, [first, second] = ranked(weights);
    const names = this.data.tokens.map(quoted);
    const sum = `content ${fixed(content[first], 2)} + λ × importance ${fixed(added[first], 2)} = ${fixed(scores[first], 2)} nats`;
    const odds = `${fixed(scores[first] - scores[second], 2)} nats less, ${fixed(weights[first] / weights[second], 2)} times lighter`;
    return {
      status: `${names[first]} has most weight, ${fixed(weights[first], 2)}: ${sum}. Next is ${names[second]} with ${fixed(weights[second], 2)}: ${odds}.`,
      picture: `Scores and weights of ${names.length} keys: ${names.map((name, at) => `${name} ${fixed(weights[at], 2)}`).join(", ")}.`,
    };
  }

  draw(width) {
    const { content, added, scores, weights } = this.numbers, { tokens } = this.data;
    const most = roundLimit(Math.max(1, ...content, ...added, ...scores)), least = Math.min(0, ...content, ...added, ...scores);
    const low = least < 0 ? -roundLimit(-least) : 0;
    const across = { low: -0.6, high: tokens.length - 0.4, ticks: tokens.map((_, at) => at), name: (at) => visible(tokens[at]) };
    const up = panel({ top: 0, width, height: SCORES_TALL }, { title: "both terms, their sum over them (nats)", across, up: { low, high: most } });
    const down = panel({ top: SCORES_TALL, width, height: SHARES_TALL }, { title: "weight (probability)", across: { ...across, label: "key" }, up: { low: 0, high: 1 } });
    const step = up.x(1) - up.x(0), bar = Math.min(44, 0.3 * step);
    tokens.forEach((_, at) => {
      up.element.append(upright(up, at, content[at], { wide: bar, name: "first", beside: -bar / 2 }), upright(up, at, added[at], { wide: bar, name: "second", beside: bar / 2 }));
      up.element.append(label(up, at, Math.max(0, content[at], added[at]), fixed(scores[at], 2)));
      down.element.append(upright(down, at, weights[at], { wide: 1.4 * bar, name: "both" }));
      down.element.append(label(down, at, weights[at], fixed(weights[at], 2)));
    });
    return { height: SCORES_TALL + SHARES_TALL + 22, parts: [up.element, down.element, legend(SCORES_TALL + SHARES_TALL + 14, [["first", "content"], ["second", "λ × importance"]])] };
  }

  rows() {
    const { content, added, scores, weights } = this.numbers, { tokens, products, importance } = this.data;
    return tokens.map((token, at) => [visible(token), brief(products[at]), brief(importance[at]), fixed(content[at], 2), fixed(added[at], 2), fixed(scores[at], 2), fixed(weights[at], 3)]);
  }
}
