// All heads at once: one thumbnail a head, of the window and at the λ on show, to pick heads and to sort them.

import { paint } from "../maths/colour.js";
import { make, options } from "./dom.js";
import { brief, percent } from "../maths/labels.js";
import { largestShown } from "../maths/pool.js";
import { panelTitles, WEIGHTS } from "../maths/weights.js";

const THUMBNAIL = 40; // bins along each side
const ORDERS = {
  place: ["layer, head", null],
  moved: ["attention moved", (s) => s.moved],
  lam: ["λ", (s) => s.lam],
  halfLife: ["half-life", (s) => s.halfLife],
  needleMass: ["needle mass", (s) => s.needleMass],
};

export class HeadGrid {
  /** on: {pick(index), arranged()}; trace: a PackedTrace */
  constructor(trace, on) {
    Object.assign(this, { trace, on, part: "pattern", order: "place", contrast: 1, kind: WEIGHTS[trace.meta.weighing.score] });
    this.summaries = Array.from({ length: trace.count }, () => ({}));
    this.takeOver(trace);
    this.buttons = this.summaries.map((_, index) => this.button(index));
    this.list = make("div", { class: "sisa-x-heads", role: "group", "aria-label": "heads" });
    this.words = make("p", { class: "sisa-x-headwords", "aria-live": "polite" });
    this.element = make("section", { class: "sisa-x-grid" }, this.header(), this.list, this.words);
    this.arrange();
  }

  /** Another run of the same text; thumbnails stay until theirs come. */
  takeOver(trace) {
    this.trace = trace;
    this.summaries.forEach((summary, index) => {
      const { lam, half_life } = trace.info(index);
      Object.assign(summary, { lam, halfLife: half_life ?? Infinity, moved: undefined, needleMass: undefined, isMeasured: false });
    });
  }

  header() {
    const order = make("select", { "aria-label": "sort heads by", onchange: () => this.sortBy(order.value) });
    const { hasLam, spec, meta } = this.trace;
    const has = { place: true, moved: hasLam, lam: hasLam, halfLife: spec.d_state > 0, needleMass: meta.spans.needle };
    const legal = Object.entries(ORDERS).filter(([key]) => has[key]);
    options(order, legal.map(([key, [title]]) => [key, title]));
    const part = make("select", { "aria-label": "thumbnails show", onchange: () => this.showPart(part.value) });
    options(part, Object.entries(panelTitles(this.trace.meta)));
    part.value = this.part;
    return make("header", {}, make("h3", {}, "heads"),
      make("label", {}, "show ", part), make("label", {}, "sort by ", order));
  }

  sortBy(order) {
    this.order = order;
    this.arrange();
    this.on.arranged();
  }

  showPart(part) {
    this.part = part;
    this.paintAll();
    this.on.arranged();
  }

  button(index) {
    const { layer, head } = this.trace.place(index);
    const canvas = make("canvas", { width: THUMBNAIL, height: THUMBNAIL });
    return make("button", {
      type: "button", "data-layer": String(layer), "data-head": String(head), "aria-pressed": "false",
      onclick: () => this.on.pick(index),
      onpointerenter: () => this.describe(index), onfocus: () => this.describe(index),
    }, canvas, make("small", { "aria-hidden": "true" }, this.trace.nameOf(index)));
  }

  /** Heads by index, in the order that a reader chose. */
  get sorted() {
    const indices = this.buttons.map((_, index) => index), value = ORDERS[this.order][1];
    const rank = (index) => value(this.summaries[index]) ?? -Infinity;
    return value ? indices.sort((a, b) => byValue(rank(b), rank(a)) || a - b) : indices;
  }

  get orderTitle() {
    return ORDERS[this.order][0];
  }

  /** Layers as labelled rows in the trace's order, or all heads, each with its name, in falling order of a quantity. */
  arrange() {
    const { layers, heads } = this.trace.meta, isSorted = this.order !== "place";
    this.list.style.setProperty("--columns", Math.min(heads.length, 16));
    this.list.classList.toggle("sisa-x-sorted", isSorted);
    const row = (indices) => make("div", { class: "sisa-x-row" }, ...indices.map((index) => this.buttons[index]));
    const { sorted } = this;
    this.list.replaceChildren(...(isSorted ? [row(sorted)] : layers.flatMap((layer, at) => [
      make("span", { class: "sisa-x-layer" }, `L${layer}`),
      row(sorted.slice(at * heads.length, (at + 1) * heads.length)),
    ])));
  }

  /** Jobs for a Background: the thumbnail of every head, and its measures the first time. view: {window, lamScale} */
  jobs(view) {
    const { trace } = this, { spans, needle_query: needleQuery } = trace.meta, measures = { needle: spans.needle ?? null, needleQuery };
    return this.summaries.map((summary, index) => ({
      request: () => ({ ...headRequest(trace, index, view, THUMBNAIL), measures: summary.isMeasured ? null : measures }),
      done: (answer) => this.fill(index, answer, view.window),
    }));
  }

  /** Takes one head's summary from the worker. */
  fill(index, { maps, rows, cols, moved, needleMass }, window) {
    Object.assign(this.summaries[index], { maps, rows, cols, window }, moved !== undefined && { moved, needleMass, isMeasured: true });
    this.buttons[index].setAttribute("aria-label", this.sentence(index));
    this.paintOne(index);
    if (index === this.selected) this.describe(index);
  }

  setColours(tables) {
    this.tables = tables;
    this.paintAll();
  }

  setContrast(contrast) {
    this.contrast = contrast;
    this.paintAll();
  }

  /** The locked query is a line across every thumbnail that has it in its window. */
  mark(query, [start, stop]) {
    this.list.classList.toggle("sisa-x-marked", query !== null && start <= query && query < stop);
    this.list.style.setProperty("--query", (query - start) / (stop - start));
  }

  paintAll() {
    this.summaries.forEach((_, index) => this.paintOne(index));
  }

  paintOne(index) {
    const { maps, rows, cols, window } = this.summaries[index], bins = maps?.[this.part];
    if (!bins || !this.tables) return;
    const canvas = this.buttons[index].firstChild, probability = this.part === "pattern" && !this.kind.signed;
    const top = largestShown(bins, { rows, cols }, window, this.trace.spec.n, probability) / this.contrast;
    const pixels = paint(bins, probability ? 0 : -top, top, this.tables[probability ? "pattern" : "signed"]);
    Object.assign(canvas, { width: cols, height: rows });
    canvas.getContext("2d").putImageData(new ImageData(pixels, cols, rows), 0, 0);
  }

  select(index) {
    const hadFocus = this.list.contains(document.activeElement);
    this.selected = index;
    this.buttons.forEach((button, at) => {
      button.setAttribute("aria-pressed", String(at === index));
      button.tabIndex = at === index ? 0 : -1;
    });
    if (hadFocus) this.buttons[index].focus();
    this.describe(index);
  }

  describe(index) {
    this.words.textContent = this.sentence(index);
  }

  sentence(index) {
    const { lam, halfLife, moved, needleMass } = this.summaries[index];
    const words = [this.trace.nameOf(index)];
    if (this.trace.hasLam) words.push(`λ ${brief(lam)}`);
    if (this.trace.spec.d_state) words.push(`half-life ${Number.isFinite(halfLife) ? brief(halfLife) + " tokens" : "unending"}`);
    if (this.trace.hasLam) {
      words.push(moved === undefined ? "…" : `${this.trace.meta.terms.importance} moves ${percent(moved)} of the ${this.kind.whole}`);
    }
    if (needleMass != null) words.push(`needle mass ${percent(needleMass)} (query ${this.trace.meta.needle_query})`);
    return words.join(" · ");
  }
}

const byValue = (a, b) => (a === b ? 0 : a - b); // also where both are infinite

/** What an Engine is asked for the small map of one head. view: {window, lamScale} */
export function headRequest(trace, index, { window, lamScale }, size) {
  return { job: "summary", key: index, bytes: trace.bytes(index), spec: trace.specOf(index), lam: trace.info(index).lam, window, lamScale, size, measures: null };
}
