// Several heads side by side, large enough to read: one part of each, in the order of the grid, in common colours.

import { lookupTable, paint } from "../maths/colour.js";
import { fixed, whole } from "../maths/labels.js";
import { HeadNumbers } from "../maths/numbers.js";
import { largestShown } from "../maths/pool.js";
import { panelTitles, WEIGHTS } from "../maths/weights.js";
import { blockAround } from "../maths/zoom.js";
import { make, options } from "./dom.js";
import { headRequest } from "./heads.js";
import { Panel } from "./panel.js";
import { PanelGroup, unitsOf } from "./panels.js";

const COUNTS = [4, 6, 9, 12];

export class Multiples {
  /** on: what a Panel tells, pick(index), save("png" or "svg"), and changed(): other heads are wanted; grid: a HeadGrid */
  constructor(trace, grid, on) {
    Object.assign(this, { trace, grid, on, page: 0, contrast: 1, kind: WEIGHTS[trace.meta.weighing.score] });
    this.count = make("select", { "aria-label": "heads side by side", onchange: () => this.turn(0) });
    options(this.count, [[0, "none"], ...COUNTS.filter((count, at) => !at || COUNTS[at - 1] < trace.count).map((count) => [count, String(count)])]);
    this.words = make("span", { role: "status" });
    const turn = (text, name, by) => make("button", { type: "button", "aria-label": name, onclick: () => this.turn(this.page + by) }, text);
    const save = (kind) => make("button", { type: "button", "aria-label": `save heads side by side as ${kind}`, onclick: () => on.save(kind.toLowerCase()) }, kind);
    this.saves = ["PNG", "SVG"].map(save);
    this.turns = [turn("‹", "heads before these", -1), turn("›", "heads after these", 1)];
    this.place = make("div", {});
    this.element = make("section", { class: "sisa-x-multiples" },
      make("header", {}, make("h3", {}, "side by side"), this.words, ...this.turns, ...this.saves, make("label", {}, "heads ", this.count)), this.place);
    this.arrange();
  }

  /** Whether the grid has come to another order since. */
  get isStale() {
    const first = this.indices.length && Number(this.count.value) * this.page;
    return this.grid.sorted.slice(first, first + this.indices.length).join() !== this.indices.join();
  }

  /** Another page of heads; their number, order or part may have changed too. */
  turn(page = this.page) {
    this.page = page;
    this.arrange();
    this.on.changed();
  }

  takeOver(trace) {
    this.trace = trace;
    this.arrange();
  }

  /** Takes heads, order and part from the grid; panels that stay keep their pictures until new ones come. */
  arrange() {
    const count = Number(this.count.value), { trace, kind, grid: { part, sorted, orderTitle } } = this;
    this.page = Math.max(0, Math.min(this.page, Math.ceil(trace.count / (count || 1)) - 1));
    const first = count * this.page;
    this.indices = sorted.slice(first, first + count);
    this.answers = new Map();
    this.all = this.indices.map((index) => this.panel(index, part));
    this.group = count ? new PanelGroup(this.all, trace.meta, "heads side by side", this.all.map(({ element }) => element)) : null;
    this.group?.element.classList.add("sisa-x-several");
    this.group?.element.style.setProperty("--columns", count % 3 ? 4 : Math.min(count / 2, 3 + (count > 9)));
    this.place.replaceChildren(...(count ? [this.group.element] : []));
    const [before, after] = this.turns;
    before.disabled = !first;
    after.disabled = first + count >= trace.count;
    [...this.turns, ...this.saves].forEach((button) => { button.hidden = !count; });
    const span = `${whole(first + 1)} to ${whole(first + this.indices.length)} of ${whole(trace.count)}`;
    this.words.textContent = count ? `${panelTitles(trace.meta)[part]}, ${unitsOf(part, kind) || "no units"} · ${span} by ${orderTitle}` : "";
    this.group?.fit();
  }

  panel(index, part) {
    const { trace, on } = this, numbers = new HeadNumbers(), name = trace.nameOf(index);
    numbers.useHead(() => trace.decode(index));
    const panel = new Panel(part, name, "", { ...on, hover: (cell, _, event) => this.hover(cell, index, event) });
    panel.unit.replaceWith(make("button", { type: "button", onclick: () => on.pick(index) }, "show"));
    return Object.assign(panel, { index, numbers });
  }

  get pixels() {
    return this.group?.pixels;
  }

  fit() {
    return this.group?.fit() ?? false;
  }

  /** Jobs for a Background. view: {window, lamScale} */
  jobs(view) {
    const { trace, indices, pixels } = this;
    if (!pixels) return [];
    return indices.map((index) => ({
      request: () => headRequest(trace, index, view, pixels),
      done: (answer) => this.take(index, { ...answer, ...view }),
    }));
  }

  take(index, answer) {
    this.answers.set(index, answer);
    this.all.find((panel) => panel.index === index)?.numbers.useScale(answer.lamScale);
    if (this.answers.size === this.indices.length) this.paintAll();
  }

  setContrast(contrast) {
    this.contrast = contrast;
    this.paintAll();
  }

  /** All in one range of colours, so that heads compare; it ends at the largest value on show. */
  paintAll() {
    const { grid: { part }, kind, answers, trace: { spec } } = this, isSigned = part !== "pattern" || kind.signed;
    const most = new Map(Array.from(answers, ([index, answer]) => [index, largestShown(answer.maps[part], answer, answer.window, spec.n, !isSigned)]));
    const top = Math.max(...most.values()) / this.contrast;
    for (const panel of this.all) {
      if (answers.has(panel.index)) this.paintOne(panel, answers.get(panel.index), isSigned, { top, largest: most.get(panel.index) });
    }
    this.decorate(this.look, this.marks);
  }

  paintOne(panel, { maps, rows, cols, window }, isSigned, { top, largest }) {
    const stops = this.group.colours[isSigned ? "signed" : "pattern"];
    panel.setWindow(window);
    panel.show(paint(maps[panel.part], isSigned ? -top : 0, top, lookupTable(stops)), rows, cols);
    const words = `largest on show ${fixed(largest, this.kind.digits)}`;
    panel.legend(stops, isSigned ? -top : 0, top, this.contrast > 1 || (!isSigned && top < 1), words);
    panel.plot.setAttribute("aria-label", `${panelTitles(this.trace.meta)[panel.part]} of ${this.trace.nameOf(panel.index)}: ${words}`);
  }

  decorate(look, marks) {
    Object.assign(this, { look, marks });
    if (look) this.all.forEach((panel) => panel.decorate(look, marks));
  }

  hover(cell, index, event) {
    const answer = this.answers.get(index), panel = this.all.find((each) => each.index === index);
    const block = cell && answer && blockAround(cell, answer.window, answer);
    const best = block && panel.numbers.strongest(panel.part, block, answer.norms);
    if (!best) return this.on.leave();
    this.on.hover(best, panel.numbers.row(best.query), best.queries * (block[3] - block[2]), event);
  }
}
