// The panels of a score side by side: their common size, their pictures, their colour bars.

import { PARTS } from "../maths/summary.js";
import { fixed } from "../maths/labels.js";
import { make } from "./dom.js";
import { MARGIN } from "./frame.js";
import { Panel } from "./panel.js";

const WHEEL_STEP = 40; // pixels of a wheel; a touch pad sends many small turns
const WHEEL_LINE = 40; // pixels
const WHEEL_DOUBLE = 200; // pixels that double or halve what is shown

const KEYS = "arrow keys change head and layer, 0 switches λ off, 1 is the trained λ, plus and minus zoom, r shows the whole map, question mark lists all keys";

/** Panels of one size under one pointer. */
export class PanelGroup {
  /** all: Panels; elements: what holds them */
  constructor(all, { colours }, name, elements) {
    Object.assign(this, { all, turns: 0, colours: { signed: colours.signed, pattern: colours.pattern } });
    this.element = make("div", { class: "sisa-x-panels", role: "group", tabIndex: 0, "aria-label": `${name}: ${KEYS}` }, ...elements);
  }

  /** Takes the room that the page has; false where nothing changed. */
  fit() {
    const width = this.all[0].element.clientWidth, ratio = window.devicePixelRatio || 1;
    const side = Math.max(80, Math.floor(width - MARGIN.left - MARGIN.right));
    if (!width || (side === this.side && ratio === this.ratio)) return false;
    Object.assign(this, { side, ratio });
    this.all.forEach((panel) => panel.resize(side));
    return true;
  }

  /** Pixels of the screen along a side; NaN before there is room. */
  get pixels() {
    return Math.round(this.side * this.ratio);
  }

  /**
   * What a wheel zooms by, with Ctrl or once the panels have the focus. 0: the page scrolls, as it does at the end of
   * zooming out, or too little has been turned so far.
   */
  turned(event, isWhole) {
    const isOurs = event.ctrlKey || this.element.contains(document.activeElement);
    if (!isOurs || (isWhole && event.deltaY > 0)) return 0;
    event.preventDefault();
    const turns = this.turns + event.deltaY * (event.deltaMode ? WHEEL_LINE : 1);
    this.turns = Math.abs(turns) < WHEEL_STEP ? turns : 0;
    return this.turns ? 0 : 2 ** Math.max(-1, Math.min(1, turns / WHEEL_DOUBLE));
  }

  decorate(look, marks) {
    this.all.forEach((panel) => panel.decorate(look, marks));
  }
}

export const unitsOf = (part, kind) => (part === "pattern" ? kind.units : kind.scoreUnits);

/** The terms of a score, their sum and the weights. */
export class Panels extends PanelGroup {
  /** titles: {part: heading}; kind: of the weights; on: what a Panel tells */
  constructor(meta, titles, kind, on) {
    const all = PARTS.filter((part) => part in titles).map((part) => new Panel(part, titles[part], unitsOf(part, kind), on));
    super(all, meta, "score panels", all.map((panel) => panel.element));
    Object.assign(this, { titles, kind });
  }

  /** answer: an Engine's; name: of the head */
  draw(answer, { window, contrast, name }) {
    for (const panel of this.all) {
      panel.setWindow(window);
      panel.show(answer.pictures[panel.part], answer.rows, answer.cols);
      this.legend(panel, answer, contrast, name);
    }
  }

  legend(panel, { limits, peaks, exact }, contrast, name) {
    const signed = panel.part !== "pattern" || this.kind.signed;
    const high = (signed ? limits.signed : limits.pattern) / contrast;
    const clipped = signed ? contrast > 1 : high < 1; // query 0 has the probability 1
    const peak = peaks[panel.part];
    const words = `largest ${exact ? "" : "so far "}${fixed(peak.value, this.kind.digits)} at query ${peak.query}, key ${peak.key}`;
    panel.legend(this.colours[signed ? "signed" : "pattern"], signed ? -high : 0, high, clipped, words);
    panel.plot.setAttribute("aria-label", `${this.titles[panel.part]} of ${name}: ${words}`);
  }
}
