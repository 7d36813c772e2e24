// The three panels of a comparison: A and B in one scale of colours, B − A in its own. And the text in the same colours.

import { SHADES } from "../maths/colour.js";
import { PAIR_VIEWS } from "../maths/difference.js";
import { fixed } from "../maths/labels.js";
import { make } from "./dom.js";
import { Panel } from "./panel.js";
import { PanelGroup, unitsOf } from "./panels.js";
import { Reading } from "./reading.js";

export const VIEW_TITLES = { a: "A", b: "B", difference: "B − A" };

export class ComparePanels extends PanelGroup {
  /** above: {a, b, difference}: an element over each panel; kind: of the weights; on: what a Panel tells */
  constructor(meta, above, kind, on) {
    const all = PAIR_VIEWS.map((view) => new Panel(view, VIEW_TITLES[view], "", on));
    const columns = all.map((panel) => make("div", { class: "sisa-x-column" }, above[panel.part], panel.element));
    super(all, meta, "panels of both sides and their difference", columns);
    this.kind = kind;
    this.element.classList.add("sisa-x-compared");
  }

  /** answer: a HeadPair's, with `signed`: whether A and B are; part, title: what is compared */
  draw(answer, { window, contrast, part, title }) {
    for (const panel of this.all) {
      panel.setWindow(window);
      panel.unit.textContent = unitsOf(part, this.kind);
      panel.show(answer.pictures[panel.part], answer.rows, answer.cols);
      this.legend(panel, answer, contrast, title);
    }
  }

  legend(panel, { limits, peaks, signed }, contrast, title) {
    const isDifference = panel.part === "difference", diverges = isDifference || signed;
    const high = (isDifference ? limits.difference : limits.values) / contrast, peak = peaks[panel.part];
    const size = Math.abs(peak.value);
    const words = size ? `largest ${fixed(peak.value, this.kind.digits)} at query ${peak.query}, key ${peak.key}` : "0 everywhere";
    const clipped = size > high || (!diverges && high < 1); // query 0 has the probability 1
    panel.legend(this.colours[diverges ? "signed" : "pattern"], diverges ? -high : 0, high, clipped, words);
    panel.plot.setAttribute("aria-label", `${title}, ${panel.title}: ${words}`);
  }
}

export class PairReading extends Reading {
  range({ values, difference, signed }) {
    if (this.part === "difference") return [-difference, difference, 0];
    return signed ? [-values, values, 0] : [0, values, SHADES];
  }
}
