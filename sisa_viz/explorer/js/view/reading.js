// The text itself, each token shaded by what the locked query sees there, or by how much each query sees of the locked key.

import { inkedShades, shadeAt, shadesAStep, SHADES } from "../maths/colour.js";
import { fixed, readable, shortened } from "../maths/labels.js";
import { make, options } from "./dom.js";
import { label } from "./rowtable.js";

const VIEWS = { query: "seen by the query", key: "seeing the key" };
const LONGEST = 40; // characters of a token that the text shows
const LINE = 3; // CSS pixels of a span's underline
const NO_SHADE = -1;

/** What stands between tokens of which none has a space or a line break of its own, as where words are the vocabulary. */
export const gapBetween = (tokens) => (tokens.some((token) => /\s/u.test(readable(token))) ? "" : " ");

const shown = (token) => shortened(token, LONGEST, readable);

export class Reading {
  /** titles: {part: what its number is called}; on: {lock(position), hover(position, event), leave(), changed()} */
  constructor({ tokens, colours }, titles, spans, kind, on) {
    Object.assign(this, { tokens, titles, kind, on, part: Object.keys(titles).at(-1), side: "query", at: null });
    this.shades = [...inkedShades(colours.signed), ...inkedShades(colours.pattern)]; // signed ones first
    this.held = new Int16Array(tokens.length).fill(NO_SHADE);
    this.words = tokens.map((token, at) => this.word(token, spans.filter(({ range }) => range[0] <= at && at < range[1])));
    const gap = gapBetween(tokens), after = (at) => (shown(tokens[at]).endsWith("\n") ? "\n" : gap);
    this.text = make("div", { class: "sisa-x-words", role: "group", tabIndex: 0 }, ...this.words.flatMap((word, at) => [word, after(at)]));
    this.words.forEach((word, at) => { word.dataset.at = String(at); });
    this.says = make("p", { class: "sisa-x-says", role: "status" });
    this.header = make("header", {}, make("h3", {}, "text"),
      make("label", {}, "shade by ", this.choice("text shaded by", titles, "part")),
      this.choice("tokens shaded", VIEWS, "side"));
    this.found = this.pointed = [];
    this.element = make("section", { class: "sisa-x-reading" }, this.header, this.text, this.says);
    this.listen();
  }

  choice(name, entries, property) {
    const select = make("select", { "aria-label": name, onchange: () => { this[property] = select.value; this.on.changed(); } });
    options(select, Object.entries(entries));
    select.value = this[property];
    return select;
  }

  /** A line break in a token has a faint sign and breaks the line; one at the token's end stands behind its element. */
  word(token, spans) {
    const [first, ...rest] = shown(token).split("\n");
    const breaks = rest.flatMap((line, n) => [make("i", {}, "⏎"), n === rest.length - 1 && line === "" ? "" : `\n${line}`]);
    const word = make("span", {}, first, ...breaks);
    if (spans.length) {
      word.style.boxShadow = spans.map(({ colour }, n) => `inset 0 -${LINE * (n + 1)}px ${colour}`).join();
      word.style.paddingBottom = `${LINE * spans.length + 1}px`;
    }
    return word;
  }

  listen() {
    const { text, on } = this;
    const under = (event) => event.target.closest("[data-at]")?.dataset.at;
    text.addEventListener("click", (event) => {
      const at = under(event);
      if (at !== undefined && getSelection().isCollapsed) on.lock(Number(at)); // else text was marked to be copied
    });
    text.addEventListener("pointermove", (event) => {
      const at = under(event);
      if (at === undefined) on.leave();
      else on.hover(Number(at), event);
    });
    text.addEventListener("pointerleave", () => on.leave());
    text.addEventListener("keydown", (event) => this.pressed(event));
  }

  pressed(event) {
    const move = MOVES[event.key];
    if (!move || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    const at = this.at === null ? 0 : move(this, this.at);
    this.on.lock(Math.max(0, Math.min(this.tokens.length - 1, at)));
  }

  /** The token above or below another on the screen, or that one itself on the first and the last line. */
  beside(at, step) {
    const { words } = this, top = (n) => words[n]?.offsetTop, middle = (n) => words[n].offsetLeft + words[n].offsetWidth / 2;
    let next = at;
    while (top(next) === top(at)) next += step;
    if (!words[next]) return at;
    const line = top(next), wanted = middle(at);
    let best = next;
    for (; top(next) === line; next += step) {
      if (Math.abs(middle(next) - wanted) < Math.abs(middle(best) - wanted)) best = next;
    }
    return best;
  }

  /** The cell of the map that a token stands for, or null where there is none. */
  cell(at) {
    if (this.at === null) return null;
    const [query, key] = this.side === "query" ? [this.at, at] : [at, this.at];
    return key <= query ? { query, key } : null;
  }

  /** numbersOf(position, side): {part: numbers} of the locked position; limits: of the colours, as the panels have them. */
  show(at, numbersOf, limits, name) {
    if (at !== this.at) this.mark(at);
    const values = at === null ? null : numbersOf(at, this.side)[this.part];
    this.shade(values, this.side === "query" ? 0 : at, limits);
    this.describe(values, name);
  }

  /** values: of the tokens from `start` on; all others are not seen. */
  shade(values, start, limits) {
    const [low, high, first] = this.range(limits), scale = shadesAStep(low, high);
    const { words, held, shades } = this;
    for (let at = 0; at < words.length; at++) {
      const value = values?.[at - start];
      const shade = value === undefined || Number.isNaN(value) ? NO_SHADE : first + shadeAt(value, low, scale);
      if (shade === held[at]) continue;
      held[at] = shade;
      words[at].style.backgroundColor = shades[shade]?.ground ?? "";
      words[at].style.color = shades[shade]?.ink ?? "";
    }
  }

  /** Both ends of the colours of what is shown, and the first of its shades. */
  range({ signed, pattern }) {
    return this.part !== "pattern" || this.kind.signed ? [-signed, signed, 0] : [0, pattern, SHADES];
  }

  mark(at) {
    const { words, text } = this;
    text.classList.toggle("sisa-x-locked", at !== null);
    words[this.at]?.removeAttribute("aria-current");
    this.at = at;
    if (at === null) return;
    const { offsetTop, offsetHeight } = words[at], { scrollTop, clientHeight } = text;
    words[at].setAttribute("aria-current", "true");
    if (offsetTop < scrollTop || offsetTop + offsetHeight > scrollTop + clientHeight) {
      text.scrollTop = offsetTop - (clientHeight - offsetHeight) / 2; // the page itself stays where it is
    }
  }

  /** Frames the tokens of all hits, [first, last] each. */
  markHits(hits) {
    this.found.forEach((word) => word.classList.remove("sisa-x-hit"));
    this.found = hits.flatMap(([first, last]) => this.words.slice(first, last + 1));
    this.found.forEach((word) => word.classList.add("sisa-x-hit"));
  }

  /** Marks query and key of the cell under the pointer, wherever that is; null takes the marks away. */
  point(cell) {
    const next = cell ? [this.words[cell.query], this.words[cell.key]] : [];
    this.pointed.forEach((word) => word.classList.remove("sisa-x-pointed"));
    next.forEach((word) => word.classList.add("sisa-x-pointed"));
    this.pointed = next;
  }

  /** One sentence: the locked token, and where its number is largest. */
  describe(values, name) {
    const { at, side, says, tokens } = this, title = this.titles[this.part], other = side === "query" ? "key" : "query";
    const view = side === "query" ? `what query ${at} sees` : `which queries see key ${at}`;
    this.text.setAttribute("aria-label", `text${at === null ? "" : `, shaded by ${view}: ${title}`}; arrow keys move the query`);
    if (!values) {
      says.textContent = "Click a token to lock it as query.";
      return;
    }
    const best = values.reduce((most, value, n) => (Math.abs(value) > Math.abs(values[most]) || Number.isNaN(values[most]) ? n : most), 0);
    const found = side === "query" ? best : best + at;
    says.replaceChildren(`${name} · ${side} ${at} `, label(tokens[at], "bdi"), ` · largest ${title} ${fixed(values[best], this.kind.digits)} `
      + `at ${other} ${found} `, label(tokens[found], "bdi"));
  }
}

const MOVES = {
  ArrowLeft: (_, at) => at - 1,
  ArrowRight: (_, at) => at + 1,
  ArrowUp: (reading, at) => reading.beside(at, -1),
  ArrowDown: (reading, at) => reading.beside(at, 1),
  Home: () => 0,
  End: () => Infinity,
};
