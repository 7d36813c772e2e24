// The explorer of one trace: shared state in, panels, grid and table out.
// State lives in a model with get, set, save_changes, on, off: anywidget's in a notebook, PageModel in a page.

import { lookupTable } from "./maths/colour.js";
import { HeadNumbers } from "./maths/numbers.js";
import { panelTitles, WEIGHTS } from "./maths/weights.js";
import { moved } from "./maths/zoom.js";
import { Background } from "./view/background.js";
import { Controls } from "./view/controls.js";
import { isDark, make } from "./view/dom.js";
import { colouredSpans, HeadWords, spanKey } from "./view/facts.js";
import { Find } from "./view/find.js";
import { LOOKS } from "./view/frame.js";
import { HeadGrid } from "./view/heads.js";
import { HoverBox } from "./view/hover.js";
import { Keep } from "./view/keep.js";
import { Help } from "./view/keys.js";
import { Link } from "./view/link.js";
import { LinkedView } from "./view/linkedview.js";
import { Multiples } from "./view/multiples.js";
import { Panels } from "./view/panels.js";
import { Reading } from "./view/reading.js";
import { RowTable } from "./view/rowtable.js";

const REST = 250; // milliseconds after which a slider or a zoom has come to rest
export const STATE = ["layer", "head", "lam_scale", "query", "window"];

export class Explorer extends LinkedView {
  constructor(model, root, trace, source) {
    super();
    Object.assign(this, { model, root, trace, source, run: 0 });
    this.limits = new Map(); // of the colours by head and λ, so that runs of one text have them in common
    this.link = new Link(source);
    this.background = new Background(source);
    this.numbers = new HeadNumbers();
    this.build();
    this.listen();
    this.themed();
    this.stateChanged();
  }

  get names() {
    return STATE;
  }

  // ---- parts of the page

  build() {
    const { trace } = this, { meta } = trace;
    this.spans = colouredSpans(meta);
    this.kind = WEIGHTS[meta.weighing.score];
    this.titles = panelTitles(meta);
    const columns = { ...this.titles, pattern: this.kind.column };
    const set = (name, value) => this.set({ [name]: value });
    this.controls = new Controls(trace, { set, reset: () => set("window", null), contrast: (factor) => this.setContrast(factor), range: (ofWindow) => this.setRange(ofWindow), help: () => this.help.open() });
    const pointed = {
      leave: () => this.leave(),
      lock: (query) => set("query", query),
      zoom: (window) => set("window", window),
      move: (window, rows, columns) => set("window", moved(window, rows, columns, meta.n)),
      wheel: (place, event) => this.wheel(place, event),
      reset: () => set("window", null),
    };
    this.panels = new Panels(meta, this.titles, this.kind, { ...pointed, hover: (cell, panel, event) => this.hover(cell, panel, event) });
    const pick = (index) => this.set(trace.place(index));
    this.grid = new HeadGrid(trace, { pick, arranged: () => this.multiples.turn(0) });
    this.multiples = new Multiples(trace, this.grid, {
      ...pointed, pick, hover: (cell, row, cells, event) => this.hoverCell(cell, row, cells, event), changed: () => this.followHeads(),
      save: (kind) => this.keep[kind]({ ...this.keep.view, panels: this.multiples.group, name: "heads", title: `${meta.title} · ${this.multiples.words.textContent}` }),
    });
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
      make("div", { class: "sisa-x-side" }, this.grid.element, this.table.element)), this.multiples.element, this.box.element, this.help.element);
  }

  close() {
    this.closed = true;
    this.unlisten();
    this.link.close();
    this.background.close();
    clearTimeout(this.resting);
  }

  /** Shows another run of the same text and keeps all that a reader chose; false where it is another text. */
  takeOver(trace) {
    if (axesOf(trace.meta) !== axesOf(this.trace.meta)) return false;
    Object.assign(this, { trace, index: undefined, run: this.run + 1 });
    for (const part of [this.grid, this.multiples]) part.takeOver(trace);
    this.stateChanged();
    return true;
  }

  // ---- state

  set(changes) {
    for (const [name, value] of Object.entries(changes)) this.model.set(name, value);
    this.model.save_changes();
  }

  stateChanged() {
    const state = this.state, { trace } = this;
    const index = trace.index(state.layer, state.head), isNew = index !== this.index;
    if (index < 0) return; // a new trace is on its way
    this.index = index;
    this.lamScale = state.lam_scale;
    this.window = state.window ?? [0, trace.meta.n, 0, trace.meta.n];
    if (this.picture !== this.asked) this.redraw(); // first, so that the worker starts at once
    const heads = `${this.run} ${this.lamScale} ${this.window}`;
    if (heads !== this.headsOf) this.followHeads();
    this.headsOf = heads;
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
    this.grid.mark(query, this.window);
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

  /** What the numbers on show depend on. */
  get place() {
    return `${this.run} ${this.index} ${this.lamScale}`;
  }

  // ---- pictures

  themed() {
    const theme = isDark() ? "dark" : "light";
    this.root.dataset.theme = theme;
    this.look = LOOKS[theme];
    const { signed, pattern } = this.panels.colours;
    this.grid.setColours({ signed: lookupTable(signed), pattern: lookupTable(pattern) });
    this.decorate();
  }

  redraw() {
    const { pixels, colours } = this.panels;
    if (!pixels || this.index === undefined) return;
    this.root.dataset.drawn = "";
    this.asked = this.picture;
    const { index, lamScale, window, contrast, place, ofWindow } = this;
    const key = `${this.run} ${index}`, least = ofWindow ? undefined : this.limits.get(`${index} ${lamScale}`);
    this.link.ask((held) => ({
      job: "view", key, bytes: held === key ? undefined : this.trace.bytes(index),
      spec: this.trace.specOf(index), lam: this.trace.info(index).lam,
      lamScale, window, rows: pixels, cols: pixels, contrast, colours, least, ofWindow,
    }), (answer) => this.drawn({ ...answer, at: place, ofWindow }, { index, lamScale, window }));
  }

  drawn(answer, { index, lamScale, window }) {
    if (this.closed) return;
    if (answer.error) return this.words.fail(answer.error);
    if (!answer.ofWindow) this.limits.set(`${index} ${lamScale}`, answer.limits);
    this.panels.draw(answer, { window, contrast: this.contrast, name: this.trace.nameOf(index) });
    Object.assign(this, { answer, shown: window });
    this.decorate();
    this.shadeText();
    this.words.count(answer, window, this.trace.meta.n);
    const place = this.trace.place(index);
    Object.assign(this.root.dataset, { exact: answer.exact, drawn: `L${place.layer}H${place.head} ${lamScale} ${window.join("-")}` });
    this.rest();
    this.root.dispatchEvent(new CustomEvent("sisa:drawn", { detail: { ...place, lamScale, window } }));
  }

  /** Small maps of all heads by a worker of their own, once the panels are drawn and λ and window have come to rest. */
  followHeads() {
    this.isBehind = true;
    this.root.dataset.grid = "";
    clearTimeout(this.resting);
    if (this.root.dataset.drawn) this.rest();
  }

  rest() {
    if (!this.isBehind) return;
    clearTimeout(this.resting);
    this.resting = setTimeout(() => {
      const view = { window: this.window, lamScale: this.lamScale };
      this.background.run([...this.multiples.jobs(view), ...this.grid.jobs(view)], (error) => (error ? this.words.fail(error) : this.headsDone()));
      this.isBehind = false;
    }, this.hasFollowed ? REST : 0);
    this.hasFollowed = true;
  }

  headsDone() {
    this.grid.arrange();
    if (this.multiples.isStale) this.multiples.turn();
    else this.root.dataset.grid = "done";
  }

  resized() {
    super.resized();
    if (this.multiples.fit()) this.followHeads();
  }

  setContrast(factor) {
    for (const part of [this.grid, this.multiples]) part.setContrast(factor);
    super.setContrast(factor);
  }

  /** Colours that end at the largest value of the window, or of the whole map. */
  setRange(ofWindow) {
    this.ofWindow = ofWindow;
    this.redraw();
  }

  decorate() {
    super.decorate();
    this.multiples.decorate(this.look, this.marks);
  }

  // ---- keys

  step(axis, by) {
    const values = this.trace.meta[axis === "layer" ? "layers" : "heads"];
    const at = values.indexOf(this.state[axis]) + by;
    if (at >= 0 && at < values.length) this.set({ [axis]: values[at] });
  }

  zoom(factor) {
    this.zoomAround("pattern", factor);
  }
}

/** What two runs of one text have in common; only the title and what heads compute may differ. */
function axesOf({ title, info, rounding, ...axes }) {
  return JSON.stringify(axes);
}
