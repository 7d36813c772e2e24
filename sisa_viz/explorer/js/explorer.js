// The explorer of one trace: shared state in, panels, grid and table out.
// State lives in a model with get, set, save_changes, on, off: anywidget's in a notebook, PageModel in a page.

import { lookupTable } from "./maths/colour.js";
import { HeadNumbers } from "./maths/numbers.js";
import { panelTitles, WEIGHTS } from "./maths/weights.js";
import { blockAround, middleOf, moved, zoomed, zoomedAt } from "./maths/zoom.js";
import { Controls } from "./view/controls.js";
import { isDark, make, watchTheme } from "./view/dom.js";
import { colouredSpans, HeadWords, spanKey } from "./view/facts.js";
import { Find } from "./view/find.js";
import { LOOKS } from "./view/frame.js";
import { HeadGrid } from "./view/heads.js";
import { HoverBox } from "./view/hover.js";
import { Keep } from "./view/keep.js";
import { Help, pressed } from "./view/keys.js";
import { Link } from "./view/link.js";
import { Panels } from "./view/panels.js";
import { Reading } from "./view/reading.js";
import { RowTable } from "./view/rowtable.js";

export const STATE = ["layer", "head", "lam_scale", "query", "window"];

export class Explorer {
  constructor(model, root, trace, source) {
    Object.assign(this, { model, root, trace, source, contrast: 1, hovered: null, closed: false, run: 0 });
    this.limits = new Map(); // of the colours by head and λ, so that runs of one text have them in common
    this.link = new Link(source);
    this.numbers = new HeadNumbers();
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
    this.controls = new Controls(trace, { set, reset: () => set("window", null), contrast: (factor) => this.setContrast(factor), help: () => this.help.open() });
    this.panels = new Panels(meta, this.titles, this.kind, {
      hover: (cell, panel, event) => this.hover(cell, panel, event),
      leave: () => this.leave(),
      lock: (query) => set("query", query),
      zoom: (window) => set("window", window),
      move: (window, rows, columns) => set("window", moved(window, rows, columns, meta.n)),
      wheel: (place, event) => this.wheel(place, event),
      reset: () => set("window", null),
    });
    this.grid = new HeadGrid(trace, { pick: (index) => this.set(trace.place(index)) });
    this.table = new RowTable(meta.tokens, columns, this.kind.digits);
    this.box = new HoverBox(columns, this.kind.digits);
    this.reading = new Reading(meta, columns, this.spans, this.kind, {
      lock: (query) => set("query", query),
      hover: (at, event) => this.hoverWord(at, event),
      leave: () => this.leave(),
      changed: () => this.shadeText(),
    });
    this.find = new Find(meta.tokens, { lock: (query) => set("query", query), mark: (hits) => this.reading.markHits(hits) });
    this.reading.header.firstChild.after(this.find.element);
    Object.assign(this, { help: new Help(), words: new HeadWords(), keep: new Keep(this, this.controls.element) });
    this.root.replaceChildren(this.words.header, this.controls.element, make("div", { class: "sisa-x-body" },
      make("div", { class: "sisa-x-main" }, this.panels.element, spanKey(this.spans), this.words.notes, this.reading.element),
      make("div", { class: "sisa-x-side" }, this.grid.element, this.table.element)), this.box.element, this.help.element);
  }

  listen() {
    const { root, model } = this;
    const stop = new AbortController();
    root.addEventListener("keydown", (event) => pressed(event, this), { signal: stop.signal });
    this.observer = new ResizeObserver(() => this.resized());
    this.observer.observe(this.panels.element);
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
    if (this.picture !== this.asked) this.redraw(); // first, so that the worker starts at once
    if (isNew) {
      this.grid.select(index);
      this.words.show(trace, index);
      this.numbers.useHead(() => trace.decode(index));
    }
    this.numbers.useScale(this.lamScale);
    this.box.hide();
    this.controls.show(state, trace.info(index).lam);
    this.showRow(state.query);
  }

  showRow(query) {
    this.query = query;
    const numbers = query === null ? null : this.numbers.row(query);
    this.table.show(query, this.trace.nameOf(this.index), numbers);
    for (const part of [this.find, this.keep]) part.show(query);
    this.decorate();
    this.shadeText();
  }

  /** In the panels' colours; a new head or λ waits for the panels, whose answer brings their limits. */
  shadeText() {
    if (this.answer?.at !== this.place) return;
    const { limits, norms } = this.answer, { signed, pattern } = limits, { contrast } = this;
    const numbersOf = (at, side) => (side === "query" ? this.numbers.row(at) : this.numbers.column(at, norms));
    this.reading.show(this.query, numbersOf, { signed: signed / contrast, pattern: pattern / contrast }, this.trace.nameOf(this.index));
  }

  /** What the numbers on show depend on, and what their picture does. */
  get place() {
    return `${this.run} ${this.index} ${this.lamScale}`;
  }

  get picture() {
    return `${this.place} ${this.window}`;
  }

  // ---- pictures

  resized() {
    if (this.panels.fit()) this.redraw();
  }

  themed() {
    const theme = isDark() ? "dark" : "light";
    this.root.dataset.theme = theme;
    this.look = LOOKS[theme];
    const { signed, pattern } = this.panels.colours;
    this.grid.setColours({ signed: lookupTable(signed), pattern: lookupTable(pattern) });
    this.decorate();
  }

  setContrast(factor) {
    this.contrast = factor;
    this.redraw();
  }

  redraw() {
    const { pixels, colours } = this.panels;
    if (!pixels || this.index === undefined) return;
    this.root.dataset.drawn = "";
    this.asked = this.picture;
    const { index, lamScale, window, contrast, place } = this;
    const key = `${this.run} ${index}`, least = this.limits.get(`${index} ${lamScale}`);
    this.link.ask((held) => ({
      job: "view", key, bytes: held === key ? undefined : this.trace.bytes(index),
      spec: this.trace.specOf(index), lam: this.trace.info(index).lam,
      lamScale, window, rows: pixels, cols: pixels, contrast, colours, least,
    }), (answer) => this.drawn({ ...answer, at: place }, { index, lamScale, window }));
  }

  drawn(answer, { index, lamScale, window }) {
    if (this.closed) return;
    if (answer.error) return this.words.fail(answer.error);
    this.limits.set(`${index} ${lamScale}`, answer.limits);
    this.panels.draw(answer, { window, contrast: this.contrast, name: this.trace.nameOf(index) });
    Object.assign(this, { answer, shown: window });
    this.decorate();
    this.shadeText();
    this.words.count(answer, window, this.trace.meta.n);
    const place = this.trace.place(index);
    Object.assign(this.root.dataset, { exact: answer.exact, drawn: `L${place.layer}H${place.head} ${lamScale} ${window.join("-")}` });
    this.root.dispatchEvent(new CustomEvent("sisa:drawn", { detail: { ...place, lamScale, window } }));
  }

  decorate() {
    const marks = { tokens: this.trace.meta.tokens, spans: this.spans, query: this.query, hover: this.hovered };
    this.panels.decorate(this.look, marks);
    this.reading.point(this.hovered);
  }

  /** Summaries of all heads by a second worker: the panels never wait for them. */
  fillGrid() {
    this.gridLink = new Link(this.source);
    this.grid.ask(this.gridLink, (error) => (error ? this.words.fail(error) : this.gridDone()));
  }

  gridDone() {
    this.gridLink.close();
    this.grid.arrange();
    this.root.dataset.grid = "done";
  }

  // ---- pointer and keys

  hover(cell, panel, event) {
    if (!cell || this.answer?.at !== this.place) return this.leave();
    const block = blockAround(cell, this.shown, this.answer);
    const best = this.numbers.strongest(panel.part, block, this.answer.norms);
    if (!best) return this.leave();
    this.hovered = best;
    const cells = best.queries * (block[3] - block[2]);
    this.box.show(best, this.trace.meta.tokens, this.numbers.row(best.query), cells, this.pointer(event));
    this.decorate();
  }

  /** A token of the text: the cell that it stands for, or where nothing is locked or seen, the token alone. */
  hoverWord(at, event) {
    const { tokens } = this.trace.meta, cell = this.reading.cell(at), place = this.pointer(event);
    this.hovered = cell;
    if (cell) this.box.show(cell, tokens, this.numbers.row(cell.query), 1, place);
    else this.box.showToken(at, tokens[at], place);
    this.decorate();
  }

  /** Where a pointer is inside the explorer, and how large that is. */
  pointer({ clientX, clientY }) {
    const { left, top, width, height } = this.root.getBoundingClientRect();
    return { x: clientX - left, y: clientY - top, width, height };
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

  /** Zooms around the locked query and its strongest key, if they are on show, to `factor` of what is shown. */
  zoom(factor) {
    const { window, query } = this, [q0, q1, k0, k1] = window;
    const key = query !== null && q0 <= query && query < q1 ? this.numbers.strongestKey(query, k0, k1) : null;
    this.set({ window: zoomed(window, middleOf(window, key === null ? null : { query, key }), factor, this.trace.meta.n) });
  }

  /** Zooms at the pointer. */
  wheel(place, event) {
    const factor = this.panels.turned(event, this.state.window === null);
    if (factor) this.set({ window: zoomedAt(this.window, place, factor, this.trace.meta.n) });
  }
}

/** What two runs of one text have in common; only the title and what heads compute may differ. */
function axesOf({ title, info, rounding, ...axes }) {
  return JSON.stringify(axes);
}
