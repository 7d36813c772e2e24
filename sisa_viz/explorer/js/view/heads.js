// Small multiples: one thumbnail a head, to pick a head and to sort heads by what importance does in them.

import { paint } from "../maths/colour.js";
import { make, options } from "./dom.js";
import { brief, percent } from "../maths/labels.js";
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
  /** on: {pick(index)}; trace: a PackedTrace */
  constructor(trace, on) {
    Object.assign(this, { trace, on, part: "pattern", order: "place", kind: WEIGHTS[trace.meta.weighing.score] });
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
      Object.assign(summary, { lam, halfLife: half_life ?? Infinity, moved: undefined, needleMass: undefined });
    });
  }

  header() {
    const order = make("select", { "aria-label": "sort heads by", onchange: () => { this.order = order.value; this.arrange(); } });
    const { hasLam, spec, meta } = this.trace;
    const has = { place: true, moved: hasLam, lam: hasLam, halfLife: spec.d_state > 0, needleMass: meta.spans.needle };
    const legal = Object.entries(ORDERS).filter(([key]) => has[key]);
    options(order, legal.map(([key, [title]]) => [key, title]));
    const part = make("select", { "aria-label": "thumbnails show", onchange: () => { this.part = part.value; this.paintAll(); } });
    options(part, Object.entries(panelTitles(this.trace.meta)));
    part.value = this.part;
    return make("header", {}, make("h3", {}, "heads"),
      make("label", {}, "show ", part), make("label", {}, "sort by ", order));
  }

  button(index) {
    const { layer, head } = this.trace.place(index);
    const canvas = make("canvas", { width: THUMBNAIL, height: THUMBNAIL });
    return make("button", {
      type: "button", "data-layer": String(layer), "data-head": String(head), "aria-pressed": "false",
      onclick: () => this.on.pick(index),
      onpointerenter: () => this.describe(index), onfocus: () => this.describe(index),
    }, canvas);
  }

  /** Layers as labelled rows in the trace's order, or all heads in falling order of a quantity. */
  arrange() {
    const { layers, heads } = this.trace.meta, value = ORDERS[this.order][1];
    const columns = Math.min(heads.length, 16);
    this.list.style.setProperty("--columns", columns);
    this.list.classList.toggle("sisa-x-sorted", Boolean(value));
    if (!value) {
      this.list.replaceChildren(...layers.flatMap((layer, row) => [
        make("span", { class: "sisa-x-layer" }, `L${layer}`),
        make("div", { class: "sisa-x-row" }, ...this.buttons.slice(row * heads.length, (row + 1) * heads.length)),
      ]));
      return;
    }
    const rank = (index) => value(this.summaries[index]) ?? -Infinity;
    const sorted = this.buttons.map((_, index) => index).sort((a, b) => compare(rank(b), rank(a)) || a - b);
    this.list.replaceChildren(make("div", { class: "sisa-x-row" }, ...sorted.map((index) => this.buttons[index])));
  }

  /** Takes one head's summary from the worker. */
  fill(index, { moved, needleMass, thumbnails }) {
    Object.assign(this.summaries[index], { moved, needleMass, thumbnails });
    this.buttons[index].setAttribute("aria-label", this.sentence(index));
    this.paintOne(index);
    if (index === this.selected) this.describe(index);
  }

  /** Asks for the summaries of all heads, one after another; then calls done(), or done(message) where one fails. */
  ask(link, done) {
    const { trace } = this, { meta } = trace;
    const next = (index) => {
      if (index === trace.count) return done();
      link.ask(() => ({
        job: "summary", key: index, bytes: trace.bytes(index), spec: trace.specOf(index), lam: trace.info(index).lam,
        size: THUMBNAIL, needle: meta.spans.needle ?? null, needleQuery: meta.needle_query,
      }), (answer) => {
        if (answer.error) return done(answer.error);
        this.fill(index, answer);
        next(index + 1);
      });
    };
    next(0);
  }

  setColours(tables) {
    this.tables = tables;
    this.paintAll();
  }

  paintAll() {
    this.summaries.forEach((_, index) => this.paintOne(index));
  }

  paintOne(index) {
    const bins = this.summaries[index].thumbnails?.[this.part];
    if (!bins || !this.tables) return;
    const canvas = this.buttons[index].firstChild, side = Math.round(Math.sqrt(bins.length));
    const top = bins.reduce((most, x) => (x === x ? Math.max(most, Math.abs(x)) : most), 0) || 1;
    const probability = this.part === "pattern" && !this.kind.signed;
    const pixels = paint(bins, probability ? 0 : -top, top, this.tables[probability ? "pattern" : "signed"]);
    canvas.width = canvas.height = side;
    canvas.getContext("2d").putImageData(new ImageData(pixels, side, side), 0, 0);
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

const compare = (a, b) => (a === b ? 0 : a - b);
