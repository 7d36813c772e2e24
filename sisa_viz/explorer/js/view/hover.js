// The box at the pointer: both tokens, both positions, all four numbers.

import { make } from "./dom.js";
import { fixed } from "../maths/labels.js";
import { rowNumbers } from "../maths/maths.js";
import { label } from "./rowtable.js";

export class HoverBox {
  /** titles: {part: what its number is called}; digits: decimals */
  constructor(titles, digits) {
    Object.assign(this, { titles, digits });
    this.element = make("div", { class: "sisa-x-hover", role: "status", hidden: true });
    this.rows = new Map();
  }

  /** Another head; it is decoded when a row of it is wanted. */
  useHead(decode) {
    Object.assign(this, { decode, head: null });
    this.useScale(this.lamScale);
  }

  useScale(lamScale) {
    this.lamScale = lamScale;
    this.rows.clear();
    this.hide();
  }

  row(query) {
    this.head ??= this.decode();
    if (!this.rows.has(query)) {
      if (this.rows.size > 64) this.rows.clear();
      this.rows.set(query, rowNumbers(this.head, query, this.lamScale));
    }
    return this.rows.get(query);
  }

  /** Of the cells that share the pixel under the pointer, the one that the panel shows: the largest in size. */
  strongest(part, [q0, q1, k0, k1]) {
    let best = null;
    for (let query = q0; query < q1; query++) {
      const row = this.row(query);
      for (let key = k0; key < Math.min(k1, query + 1); key++) {
        const size = Math.abs(row[part][key]);
        if (!best || size > best.size) best = { query, key, size };
      }
    }
    return best;
  }

  show(cell, tokens, block, place) {
    const numbers = this.row(cell.query);
    const cells = (block[1] - block[0]) * (block[3] - block[2]);
    this.element.replaceChildren(
      line("query", String(cell.query), label(tokens[cell.query], "bdi")),
      line("key", String(cell.key), label(tokens[cell.key], "bdi")),
      ...Object.entries(this.titles).map(([part, title]) => line(title, fixed(numbers[part][cell.key], this.digits))),
      ...(cells > 1 ? [make("small", {}, `largest of the ${cells} cells in this pixel`)] : []));
    this.element.hidden = false;
    this.move(place);
  }

  /** Beside the pointer, on the side with room. */
  move({ x, y, width, height }) {
    const { offsetWidth, offsetHeight } = this.element;
    const left = x + 16 + offsetWidth > width ? x - 16 - offsetWidth : x + 16;
    this.element.style.left = `${Math.max(0, left)}px`;
    this.element.style.top = `${Math.max(0, Math.min(y + 16, height - offsetHeight))}px`;
  }

  hide() {
    this.element.hidden = true;
  }
}

function line(title, value, extra = "") {
  return make("div", {}, make("span", {}, title), make("b", {}, value), extra);
}
