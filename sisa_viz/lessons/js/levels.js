// Three levels of fusion side by side: the same content, the same fading state, put together in three places.

import { fixed, visible } from "../../explorer/js/maths/labels.js";
import { levels } from "./maths/levels.js";
import { ranked } from "./maths/weights.js";
import { Frame } from "./view/frame.js";
import { label, panel, upright } from "./view/panel.js";
import { Slider } from "./view/slider.js";

const LEVEL_TALL = 170; // CSS pixels of a panel
const NAMES = { block: "block level", head: "head level", score: "score level" };

export class LevelsLesson {
  /** data: {tokens, content: nats of each query and key} */
  constructor(root, data) {
    this.data = data;
    const changed = () => this.frame.show(), value = (position) => position;
    this.halfLife = new Slider("half-life", { least: 0.5, most: 10, step: 0.5, start: 2.5 }, { value, words: (tokens) => `${fixed(tokens, 1)} tokens`, changed });
    this.lam = new Slider("λ (score level)", { least: 0, most: 8, step: 0.1, start: 2 }, { value, words: (lam) => fixed(lam, 1), changed });
    this.frame = new Frame(root, {
      name: "state and λ",
      controls: [this.halfLife.element, this.lam.element],
      columns: ["token", ...Object.values(NAMES)],
      draw: (width) => this.draw(width),
      says: () => this.says(),
      rows: () => this.rows(),
    });
  }

  get numbers() {
    return levels(this.data.content, { halfLife: this.halfLife.value, lam: this.lam.value });
  }

  says() {
    const names = this.data.tokens.map((token) => `“${visible(token)}”`), rows = Object.entries(this.numbers);
    const most = rows.map(([level, row]) => `${ranked(row).slice(0, 3).map((at) => `${names[at]} ${fixed(row[at], 2)}`).join(", ")} at ${NAMES[level]}`);
    const all = rows.map(([level, row]) => `${NAMES[level]} ${row.map((each, at) => `${names[at]} ${fixed(each, 2)}`).join(", ")}`);
    return { status: `${names.at(-1)} takes in most of ${most.join("; ")}.`, picture: `What ${names.at(-1)} takes in of each token: ${all.join("; ")}.` };
  }

  draw(width) {
    const { tokens } = this.data, rows = Object.entries(this.numbers);
    const across = { low: -0.6, high: tokens.length - 0.4, ticks: tokens.map((_, at) => at), name: (at) => visible(tokens[at]) };
    const parts = rows.map(([level, row], place) => {
      const isLast = place === rows.length - 1, high = level === "block" ? 3 : 1;
      const { element, x, y } = panel({ top: LEVEL_TALL * place, width, height: LEVEL_TALL + (isLast ? 18 : 0) }, {
        title: `${NAMES[level]}: share of each token's vector`, across: { ...across, label: isLast ? "token that is read" : "" }, up: { low: 0, high, most: 3 },
      });
      const bar = Math.min(48, 0.5 * (x(1) - x(0)));
      row.forEach((each, at) => element.append(upright({ x, y }, at, each, { wide: bar, name: level === "score" ? "both" : "first" }),
        label({ x, y }, at, each, fixed(each, 2))));
      return element;
    });
    return { height: LEVEL_TALL * rows.length + 22, parts };
  }

  rows() {
    const rows = Object.values(this.numbers);
    return this.data.tokens.map((token, at) => [visible(token), ...rows.map((row) => fixed(row[at], 3))]);
  }
}
