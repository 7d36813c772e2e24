// The box at the pointer: both tokens, both positions, all four numbers.

import { make } from "./dom.js";
import { fixed } from "../maths/labels.js";
import { label } from "./rowtable.js";

export class HoverBox {
  /** titles: {part: what its number is called}; digits: decimals */
  constructor(titles, digits) {
    Object.assign(this, { titles, digits });
    this.element = make("div", { class: "sisa-x-hover", role: "status", hidden: true });
  }

  /** numbers: of the cell's row; cells: how many the pixel under the pointer shows */
  show(cell, tokens, numbers, cells, place) {
    this.fill(place,
      line("query", String(cell.query), label(tokens[cell.query], "bdi")),
      line("key", String(cell.key), label(tokens[cell.key], "bdi")),
      ...Object.entries(this.titles).map(([part, title]) => line(title, fixed(numbers[part][cell.key], this.digits))),
      ...(cells > 1 ? [make("small", {}, `largest of the ${cells} cells in this pixel`)] : []));
  }

  /** A token that no locked query sees. */
  showToken(position, token, place) {
    this.fill(place, line("position", String(position), label(token, "bdi")));
  }

  fill(place, ...lines) {
    this.element.replaceChildren(...lines);
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
