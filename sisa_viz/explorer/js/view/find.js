// Find in the text: over tokens, over text that spans several of them, and "#123" for a position.

import { readable } from "../maths/labels.js";
import { make } from "./dom.js";
import { gapBetween } from "./reading.js";

const lower = (text) => readable(text).toLowerCase();

/** The text of all tokens in a row, without regard to capitals. */
export class TextIndex {
  constructor(tokens) {
    const gap = gapBetween(tokens), pieces = tokens.map((token) => lower(token) + gap);
    let length = 0;
    this.starts = pieces.map((piece) => (length += piece.length) - piece.length);
    this.text = pieces.join("");
  }

  /** [first, last] token of every place, in order; of places that begin in one token only one counts. */
  find(wanted) {
    const position = /^\s*#(\d+)\s*$/.exec(wanted);
    if (position) return this.starts[Number(position[1])] === undefined ? [] : [[Number(position[1]), Number(position[1])]];
    const { text } = this, sought = wanted && lower(wanted), hits = [];
    for (let at = sought ? text.indexOf(sought) : -1; at >= 0; at = text.indexOf(sought, at + 1)) {
      const first = this.tokenAt(at);
      if (hits.at(-1)?.[0] !== first) hits.push([first, this.tokenAt(at + sought.length - 1)]);
    }
    return hits;
  }

  /** The token that holds a character. */
  tokenAt(character) {
    let low = 0, high = this.starts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.starts[middle] <= character) low = middle;
      else high = middle;
    }
    return low;
  }
}

export class Find {
  /** on: {lock(position), mark(hits)} */
  constructor(tokens, on) {
    Object.assign(this, { tokens, on, hits: [], query: null });
    this.field = make("input", {
      type: "search", "aria-label": "find in the text", placeholder: "find text, or #123",
      oninput: () => this.typed(), onkeydown: (event) => this.pressed(event),
    });
    this.count = make("output", { class: "sisa-x-count" });
    this.steps = [["↑", "previous hit", -1], ["↓", "next hit", 1]].map(([sign, name, by]) =>
      make("button", { type: "button", "aria-label": name, title: name, disabled: true, onclick: () => this.step(by) }, sign));
    this.element = make("span", { class: "sisa-x-find", role: "search" }, this.field, ...this.steps, this.count);
  }

  focus() {
    this.field.focus();
    this.field.select();
  }

  typed() {
    this.index ??= new TextIndex(this.tokens);
    this.hits = this.index.find(this.field.value);
    this.steps.forEach((button) => { button.disabled = !this.hits.length; });
    this.on.mark(this.hits);
    this.show(this.query);
  }

  pressed(event) {
    if (event.key !== "Enter") return;
    event.preventDefault();
    this.step(event.shiftKey ? -1 : 1);
  }

  /** Locks the first token of the next hit, or of the previous one, seen from the query; after the last comes the first. */
  step(by) {
    const { hits } = this, from = this.query ?? -1;
    const hit = by > 0 ? hits.find(([first]) => first > from) ?? hits[0] : hits.findLast(([first]) => first < from) ?? hits.at(-1);
    if (hit) this.on.lock(hit[0]);
  }

  show(query) {
    this.query = query;
    const { hits } = this, at = hits.findIndex(([first]) => first === query);
    this.count.textContent = this.field.value && countWords(hits.length, at);
  }
}

function countWords(hits, at) {
  if (!hits) return "no hit";
  return at < 0 ? `${hits} ${hits === 1 ? "hit" : "hits"}` : `${at + 1} of ${hits}`;
}
