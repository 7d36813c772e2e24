// Two views of one text side by side, and their difference: shared state in, three panels, table and text out.
// State lives in a model with get, set, save_changes, on, off, as an Explorer's does.

import { isSigned } from "./maths/difference.js";
import { whole } from "./maths/labels.js";
import { PairNumbers } from "./maths/pairnumbers.js";
import { moved } from "./maths/zoom.js";
import { CompareBar } from "./view/comparebar.js";
import { CompareKeep } from "./view/comparekeep.js";
import { ComparePanels, PairReading, VIEW_TITLES } from "./view/comparepanels.js";
import { isDark, make } from "./view/dom.js";
import { colouredSpans, headNotes, spanKey } from "./view/facts.js";
import { Find } from "./view/find.js";
import { LOOKS } from "./view/frame.js";
import { HoverBox } from "./view/hover.js";
import { Help } from "./view/keys.js";
import { Link } from "./view/link.js";
import { LinkedView } from "./view/linkedview.js";
import { RowTable } from "./view/rowtable.js";
import { SideControls } from "./view/side.js";

const BOTH = ["a", "b"], ON_A_SIDE = ["run", "layer", "head", "lam_scale"];
export const COMPARED = [...BOTH.flatMap((side) => ON_A_SIDE.map((name) => `${name}_${side}`)), "part", "query", "window"];

export class Comparison extends LinkedView {
  constructor(model, root, runs, source) {
    super();
    Object.assign(this, { model, root, runs });
    this.link = new Link(source);
    this.numbers = new PairNumbers();
    this.build();
    this.listen();
    this.themed();
    this.stateChanged();
  }

  /** What all runs have in common, as keys, files and addresses ask for it. */
  get trace() {
    return this.runs;
  }

  get names() {
    return COMPARED;
  }

  // ---- parts of the page

  build() {
    const { meta, titles, kind } = this.runs, set = (name, value) => this.set({ [name]: value });
    this.spans = colouredSpans(meta);
    this.bar = new CompareBar(titles, meta.n, { set, contrast: (factor) => this.setContrast(factor), help: () => this.help.open() });
    this.controls = BOTH.map((side) => new SideControls(VIEW_TITLES[side], this.runs, (name, value) => this.setSide(side, name, value)));
    const [a, b] = this.controls.map(({ element }) => element);
    this.words = make("p", { class: "sisa-x-sidebar sisa-x-facts" });
    this.panels = new ComparePanels(meta, { a, b, difference: this.words }, kind, {
      hover: (cell, panel, event) => this.hover(cell, panel, event),
      leave: () => this.leave(),
      lock: (query) => set("query", query),
      zoom: (window) => set("window", window),
      move: (window, rows, columns) => set("window", moved(window, rows, columns, meta.n)),
      wheel: (place, event) => this.wheel(place, event),
      reset: () => set("window", null),
    });
    this.table = new RowTable(meta.tokens, VIEW_TITLES, kind.digits);
    this.box = new HoverBox(VIEW_TITLES, kind.digits);
    this.reading = new PairReading(meta, VIEW_TITLES, this.spans, kind, {
      lock: (query) => set("query", query),
      hover: (at, event) => this.hoverWord(at, event),
      leave: () => this.leave(),
      changed: () => this.shadeText(),
    });
    this.find = new Find(meta.tokens, { lock: (query) => set("query", query), mark: (hits) => this.reading.markHits(hits) });
    this.reading.header.firstChild.after(this.find.element);
    Object.assign(this, { help: new Help(), keep: new CompareKeep(this, this.bar.element), notes: make("p", { class: "sisa-x-status", role: "status" }) });
    this.root.replaceChildren(
      make("header", { class: "sisa-x-header" }, make("h2", {}, meta.title), make("span", { class: "sisa-x-facts" }, `${whole(meta.n)} tokens`)),
      this.bar.element, this.panels.element, spanKey(this.spans), this.notes,
      make("div", { class: "sisa-x-body" }, make("div", { class: "sisa-x-main" }, this.reading.element),
        make("div", { class: "sisa-x-side" }, this.table.element)), this.box.element, this.help.element);
  }

  close() {
    this.closed = true;
    this.unlisten();
    this.link.close();
  }

  takeOver() {
    return false; // other traces make another comparison
  }

  // ---- state

  /** A name without a side, such as lam_scale, means both. */
  set(changes) {
    for (const [name, value] of Object.entries(changes)) {
      const names = COMPARED.includes(name) ? [name] : BOTH.map((side) => `${name}_${side}`);
      names.forEach((each) => this.model.set(each, value));
    }
    this.model.save_changes();
  }

  /** Another run keeps layer and head where it has them, and else has its first ones on show. */
  setSide(side, name, value) {
    this.set({ [`${name}_${side}`]: value });
    if (name !== "run") return;
    const { layers, heads } = this.runs.traces.get(value).meta, { state } = this;
    for (const [axis, legal] of [["layer", layers], ["head", heads]]) {
      if (!legal.includes(state[`${axis}_${side}`])) this.set({ [`${axis}_${side}`]: legal[0] });
    }
  }

  stateChanged() {
    const { state } = this, sides = BOTH.map((side) => this.sideOf(state, side));
    if (sides.some(({ index }) => index < 0)) return; // another layer and head are on their way
    Object.assign(this, { sides, part: state.part, window: state.window ?? [0, this.runs.meta.n, 0, this.runs.meta.n] });
    if (this.picture !== this.asked) this.redraw(); // first, so that the worker starts at once
    this.useNumbers();
    this.controls.forEach((controls, at) => controls.show(sides[at], sides[at].index));
    this.bar.show(state);
    this.words.textContent = `${this.runs.titles[state.part]} of B less that of A, cell by cell`;
    this.box.hide();
    this.showRow(state.query);
  }

  sideOf(state, side) {
    const [run, layer, head, lamScale] = ON_A_SIDE.map((name) => state[`${name}_${side}`]);
    const trace = this.runs.traces.get(run), index = trace.index(layer, head);
    return { name: VIEW_TITLES[side], run, layer, head, lamScale, lam_scale: lamScale, trace, index, title: `L${layer}H${head}` };
  }

  useNumbers() {
    const place = this.place;
    if (place === this.counted) return;
    this.counted = place;
    this.sides.forEach(({ trace, index, lamScale, run }, at) => {
      const numbers = this.numbers.sides[at], head = JSON.stringify([run, index]);
      if (numbers.name !== head) numbers.useHead(() => trace.decode(index));
      numbers.name = head;
      numbers.useScale(lamScale);
    });
    this.numbers.usePart(this.part);
  }

  showRow(query) {
    this.query = query;
    this.table.show(query, this.runs.titles[this.part], query === null ? null : this.numbers.row(query));
    for (const part of [this.find, this.keep]) part.show(query);
    this.decorate();
    this.shadeText();
  }

  /** In the panels' colours; new heads, λ or part wait for the panels, whose answer brings their limits. */
  shadeText() {
    if (this.answer?.at !== this.place) return;
    const { limits, norms, signed } = this.answer, { contrast } = this;
    const numbersOf = (at, side) => (side === "query" ? this.numbers.row(at) : this.numbers.column(at, norms));
    const scaled = { values: limits.values / contrast, difference: limits.difference / contrast, signed };
    this.reading.show(this.query, numbersOf, scaled, this.runs.titles[this.part]);
  }

  /** What names both heads, and what the numbers on show depend on. */
  get pair() {
    return JSON.stringify(this.sides.map(({ run, index }) => [run, index]));
  }

  get place() {
    return `${this.pair} ${this.sides.map(({ lamScale }) => lamScale)} ${this.part}`;
  }

  // ---- pictures

  themed() {
    const theme = isDark() ? "dark" : "light";
    this.root.dataset.theme = theme;
    this.look = LOOKS[theme];
    this.decorate();
  }

  redraw() {
    const { pixels, colours } = this.panels;
    if (!pixels || !this.sides) return;
    this.root.dataset.drawn = "";
    this.asked = this.picture;
    const { sides, part, window, contrast, place, pair: key } = this;
    const headOf = ({ trace, index }) => ({ bytes: trace.bytes(index), spec: trace.specOf(index), lam: trace.info(index).lam });
    this.link.ask((held) => ({
      job: "difference", key, heads: held === key ? undefined : sides.map(headOf), lamScales: sides.map(({ lamScale }) => lamScale),
      part, window, rows: pixels, cols: pixels, contrast, colours,
    }), (answer) => this.drawn({ ...answer, at: place, signed: isSigned(part, sides[0].trace.spec.weighing) }, { sides, part, window }));
  }

  drawn(answer, { sides, part, window }) {
    if (this.closed) return;
    if (answer.error) return this.fail(answer.error);
    this.panels.draw(answer, { window, contrast: this.contrast, part, title: this.runs.titles[part] });
    Object.assign(this, { answer, shown: window });
    this.note(sides, answer.peaks.difference.value === 0);
    this.decorate();
    this.shadeText();
    const words = sides.map(({ run, title, lamScale }) => `${run} ${title} ${lamScale}`);
    this.root.dataset.drawn = `${words.join(" | ")} | ${part} ${window.join("-")}`;
  }

  /** What a reader must know of the heads on show, each sentence once. */
  note(sides, isEqual) {
    const notes = sides.flatMap(({ trace, index }) => headNotes(trace, index));
    this.notes.textContent = Array.from(new Set([...(isEqual ? ["A and B are equal."] : []), ...notes])).join(" ");
  }

  fail(message) {
    this.notes.textContent = `This cannot be shown: ${message}`;
    this.notes.classList.add("sisa-x-error");
  }

  // ---- keys

  /** On both sides; one that is at its end already stays there. */
  step(axis, by) {
    const changes = this.sides.map(({ trace, [axis]: value }, at) => {
      const values = trace.meta[`${axis}s`];
      return [`${axis}_${BOTH[at]}`, values[values.indexOf(value) + by] ?? value];
    });
    this.set(Object.fromEntries(changes));
  }

  zoom(factor) {
    this.zoomAround("difference", factor);
  }
}
