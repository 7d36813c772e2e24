// The explorer of one trace: shared state in, panels, grid and table out.
// State lives in a model with get, set, save_changes, on, off: anywidget's in a notebook, PageModel in a page.

import { lookupTable } from "./maths/colour.js";
import { PARTS } from "./maths/engine.js";
import { fixed } from "./maths/labels.js";
import { panelTitles, WEIGHTS } from "./maths/weights.js";
import { blockAround, zoomed } from "./maths/zoom.js";
import { Controls } from "./view/controls.js";
import { isDark, make, watchTheme } from "./view/dom.js";
import { colouredSpans, headFacts, headNotes, spanKey } from "./view/facts.js";
import { MARGIN } from "./view/frame.js";
import { HeadGrid, THUMBNAIL } from "./view/heads.js";
import { HoverBox } from "./view/hover.js";
import { pressed } from "./view/keys.js";
import { Link } from "./view/link.js";
import { Panel } from "./view/panel.js";
import { RowTable } from "./view/rowtable.js";

export const STATE = ["layer", "head", "lam_scale", "query", "window"];
const LOOKS = {
  light: { text: "#333d47", faint: "#66717c", frame: "#98a2ad", hover: "rgba(40, 48, 56, .55)", locked: "#101418" },
  dark: { text: "#cdd5dd", faint: "#98a3ae", frame: "#66717c", hover: "rgba(225, 232, 240, .6)", locked: "#ffffff" },
};

export class Explorer {
  constructor(model, root, trace, source) {
    Object.assign(this, { model, root, trace, source, contrast: 1, hovered: null, closed: false, run: 0 });
    this.limits = new Map(); // of the colours by head and λ, so that runs of one text have them in common
    this.link = new Link(source);
    this.build();
    this.listen();
    this.themed();
    this.stateChanged();
    this.fillGrid();
  }

  // ---- parts of the page

  build() {
    const { trace } = this, { meta } = trace;
    this.spans = colouredSpans(meta);
    this.kind = WEIGHTS[meta.weighing.score];
    this.titles = panelTitles(meta);
    const columns = { ...this.titles, pattern: this.kind.column };
    const set = (name, value) => this.set({ [name]: value });
    this.controls = new Controls(trace, { set, reset: () => set("window", null), contrast: (factor) => this.setContrast(factor) });
    this.panels = PARTS.filter((part) => part in this.titles).map((part) => new Panel(part, this.titles[part], part === "pattern" ? this.kind.units : this.kind.scoreUnits, {
      hover: (cell, panel, event) => this.hover(cell, panel, event),
      leave: () => this.leave(),
      lock: (query) => set("query", query),
      zoom: (window) => set("window", window),
      reset: () => set("window", null),
    }));
    this.grid = new HeadGrid(trace, { pick: (index) => this.set(trace.place(index)) });
    this.table = new RowTable(meta.tokens, columns, this.kind.digits);
    this.box = new HoverBox(columns, this.kind.digits);
    this.status = make("p", { class: "sisa-x-status", role: "status" });
    this.area = make("div", { class: "sisa-x-panels", role: "group", tabIndex: 0, "aria-label":
      "score panels: arrow keys change head and layer, 0 switches λ off, 1 is the trained λ, plus and minus zoom, r shows the whole map" },
    ...this.panels.map((panel) => panel.element));
    this.root.replaceChildren(this.header(), this.controls.element, make("div", { class: "sisa-x-body" },
      make("div", { class: "sisa-x-main" }, this.area, spanKey(this.spans), this.status),
      make("div", { class: "sisa-x-side" }, this.grid.element, this.table.element)), this.box.element);
  }

  header() {
    this.name = make("b", { class: "sisa-x-name" });
    this.facts = make("span", { class: "sisa-x-facts" });
    this.title = make("h2", {}, this.trace.meta.title);
    return make("header", { class: "sisa-x-header" }, this.title, this.name, this.facts);
  }

  listen() {
    const { root, model } = this;
    const stop = new AbortController();
    root.addEventListener("keydown", (event) => pressed(event, this), { signal: stop.signal });
    this.observer = new ResizeObserver(() => this.resized());
    this.observer.observe(this.area);
    const changed = () => this.schedule();
    STATE.forEach((name) => model.on(`change:${name}`, changed));
    const unwatch = watchTheme(() => this.themed());
    this.unlisten = () => {
      stop.abort();
      unwatch();
      this.observer.disconnect();
      STATE.forEach((name) => model.off(`change:${name}`, changed));
    };
  }

  close() {
    this.closed = true;
    this.unlisten();
    this.link.close();
    this.gridLink?.close();
  }

  /** Shows another run of the same text and keeps all that a reader chose; false where it is another text. */
  takeOver(trace) {
    if (axesOf(trace.meta) !== axesOf(this.trace.meta)) return false;
    Object.assign(this, { trace, index: undefined, run: this.run + 1 });
    this.title.textContent = trace.meta.title;
    this.root.dataset.grid = "";
    this.gridLink.close();
    this.grid.takeOver(trace);
    this.stateChanged();
    this.fillGrid();
    return true;
  }

  // ---- state

  get state() {
    const state = Object.fromEntries(STATE.map((name) => [name, this.model.get(name) ?? null]));
    return { ...state, window: state.window?.length ? state.window : null };
  }

  set(changes) {
    for (const [name, value] of Object.entries(changes)) this.model.set(name, value);
    this.model.save_changes();
  }

  /** One update for any number of changes that come together, as layer and head do. */
  schedule() {
    if (this.scheduled) return;
    this.scheduled = true;
    queueMicrotask(() => {
      this.scheduled = false;
      if (!this.closed) this.stateChanged();
    });
  }

  stateChanged() {
    const state = this.state, { trace } = this;
    const index = trace.index(state.layer, state.head), isNew = index !== this.index;
    if (index < 0) return; // a new trace is on its way
    this.index = index;
    this.lamScale = state.lam_scale;
    this.window = state.window ?? [0, trace.meta.n, 0, trace.meta.n];
    this.redraw(); // first, so that the worker starts at once
    if (isNew) {
      this.grid.select(index);
      this.describeHead();
      this.box.useHead(() => trace.decode(index));
    }
    this.box.useScale(this.lamScale);
    this.controls.show(state, trace.info(index).lam);
    this.showRow(state.query);
  }

  describeHead() {
    this.name.textContent = this.trace.nameOf(this.index);
    this.facts.textContent = headFacts(this.trace, this.index).join(" · ");
    this.status.textContent = headNotes(this.trace, this.index).join(" ");
  }

  showRow(query) {
    this.query = query;
    const numbers = query === null ? null : this.box.row(query);
    this.table.show(query, this.trace.nameOf(this.index), numbers);
  }

  // ---- pictures

  resized() {
    const width = this.panels[0].element.clientWidth;
    const side = Math.max(80, Math.floor(width - MARGIN.left - MARGIN.right));
    const ratio = window.devicePixelRatio || 1;
    if (!width || (side === this.side && ratio === this.ratio)) return;
    Object.assign(this, { side, ratio });
    this.panels.forEach((panel) => panel.resize(side));
    this.redraw();
  }

  themed() {
    const theme = isDark() ? "dark" : "light";
    this.root.dataset.theme = theme;
    this.look = LOOKS[theme];
    this.colours = { signed: this.trace.meta.colours.signed, pattern: this.trace.meta.colours.pattern };
    this.grid.setColours({ signed: lookupTable(this.colours.signed), pattern: lookupTable(this.colours.pattern) });
    this.decorate();
  }

  setContrast(factor) {
    this.contrast = factor;
    this.redraw();
  }

  redraw() {
    if (!this.side || this.index === undefined) return;
    this.root.dataset.drawn = "";
    const { index, lamScale, window, contrast, colours } = this;
    const key = `${this.run} ${index}`, least = this.limits.get(`${index} ${lamScale}`);
    const pixels = Math.round(this.side * this.ratio);
    this.link.ask((held) => ({
      job: "view", key, bytes: held === key ? undefined : this.trace.bytes(index),
      spec: this.trace.specOf(index), lam: this.trace.info(index).lam,
      lamScale, window, rows: pixels, cols: pixels, contrast, colours, least,
    }), (answer) => this.drawn(answer, { index, lamScale, window }));
  }

  drawn(answer, { index, lamScale, window }) {
    if (this.closed) return;
    if (answer.error) return this.fail(answer.error);
    this.limits.set(`${index} ${lamScale}`, answer.limits);
    for (const panel of this.panels) {
      panel.setWindow(window);
      panel.show(answer.pictures[panel.part], answer.rows, answer.cols);
      this.legend(panel, answer);
    }
    this.shown = window;
    this.decorate();
    const place = this.trace.place(index);
    this.root.dataset.drawn = `L${place.layer}H${place.head} ${lamScale} ${window.join("-")}`;
    this.root.dispatchEvent(new CustomEvent("sisa:drawn", { detail: { ...place, lamScale, window } }));
  }

  legend(panel, { limits, peaks }) {
    const signed = panel.part !== "pattern" || this.kind.signed;
    const high = (signed ? limits.signed : limits.pattern) / this.contrast;
    const clipped = signed ? this.contrast > 1 : high < 1; // query 0 has the probability 1
    const peak = peaks[panel.part];
    const words = `largest ${fixed(peak.value, this.kind.digits)} at query ${peak.query}, key ${peak.key}`;
    panel.legend(this.colours[signed ? "signed" : "pattern"], signed ? -high : 0, high, clipped, words);
    panel.plot.setAttribute("aria-label", `${this.titles[panel.part]} of ${this.trace.nameOf(this.index)}: ${words}`);
  }

  decorate() {
    const marks = { tokens: this.trace.meta.tokens, spans: this.spans, query: this.query, hover: this.hovered };
    this.panels.forEach((panel) => panel.decorate(this.look, marks));
  }

  fail(message) {
    this.status.textContent = `This cannot be shown: ${message}`;
    this.status.classList.add("sisa-x-error");
  }

  /** Summaries of all heads, one after another, by a second worker: the panels never wait for them. */
  fillGrid() {
    const { trace } = this, { meta } = trace;
    this.gridLink = new Link(this.source);
    const next = (index) => {
      if (index === trace.count) return this.gridDone();
      this.gridLink.ask(() => ({
        job: "summary", key: index, bytes: trace.bytes(index), spec: trace.specOf(index), lam: trace.info(index).lam,
        size: THUMBNAIL, needle: meta.spans.needle ?? null, needleQuery: meta.needle_query,
      }), (answer) => {
        if (this.closed) return;
        if (answer.error) return this.fail(answer.error);
        this.grid.fill(index, answer);
        next(index + 1);
      });
    };
    next(0);
  }

  gridDone() {
    this.gridLink.close();
    this.grid.arrange();
    this.root.dataset.grid = "done";
  }

  // ---- pointer and keys

  hover(cell, panel, event) {
    if (!cell || !this.shown) return this.leave();
    const pixels = Math.round(this.side * this.ratio);
    const block = blockAround(cell, this.shown, pixels);
    const best = this.box.strongest(panel.part, block);
    if (!best) return this.leave();
    this.hovered = best;
    const frame = this.root.getBoundingClientRect();
    this.box.show(best, this.trace.meta.tokens, block,
      { x: event.clientX - frame.left, y: event.clientY - frame.top, width: frame.width, height: frame.height });
    this.decorate();
  }

  leave() {
    this.hovered = null;
    this.box.hide();
    this.decorate();
  }

  step(axis, by) {
    const values = this.trace.meta[axis === "layer" ? "layers" : "heads"];
    const at = values.indexOf(this.state[axis]) + by;
    if (at >= 0 && at < values.length) this.set({ [axis]: values[at] });
  }

  /** Zooms around the locked query, or the middle, to `factor` of what is shown. */
  zoom(factor) {
    this.set({ window: zoomed(this.window, this.query, factor, this.trace.meta.n) });
  }
}

/** What two runs of one text have in common; only the title and what heads compute may differ. */
function axesOf({ title, info, rounding, ...axes }) {
  return JSON.stringify(axes);
}
