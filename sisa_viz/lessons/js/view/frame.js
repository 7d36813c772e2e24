// What all lessons have in common: sliders, one sentence that says what they do, a picture, and its numbers in a table.

import { make } from "../../../explorer/js/view/dom.js";
import { svg } from "./svg.js";

const NARROWEST = 240; // CSS pixels

export class Frame {
  /** controls: elements over the picture; draw(width) returns {height, parts}; `columns` are the heads of the table, rows() its rows of text. */
  constructor(root, { name, controls, columns, draw, says, rows }) {
    Object.assign(this, { draw, says, rows, width: 0 });
    this.status = make("p", { role: "status" });
    this.picture = svg("svg", { role: "img" });
    this.body = make("tbody", {});
    const heads = columns.map((head) => make("th", { scope: "col" }, head));
    const table = make("table", {}, make("thead", {}, make("tr", {}, ...heads)), this.body);
    this.numbers = make("details", { ontoggle: () => this.list() }, make("summary", {}, "The numbers as a table"),
      make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `numbers of ${name}` }, table));
    this.place = make("div", { class: "picture" }, this.picture);
    root.replaceChildren(make("div", { class: "controls", role: "group", "aria-label": name }, ...controls), this.status, this.place, this.numbers);
    new ResizeObserver(() => this.measure()).observe(this.place);
    this.measure();
  }

  measure() {
    const width = Math.max(NARROWEST, Math.floor(this.place.clientWidth));
    if (width === this.width) return;
    this.width = width;
    this.show();
  }

  /** Draws and tells everything anew. */
  show() {
    const { height, parts } = this.draw(this.width), says = this.says();
    for (const [key, value] of Object.entries({ width: this.width, height, viewBox: `0 0 ${this.width} ${height}` })) this.picture.setAttribute(key, String(value));
    this.picture.setAttribute("aria-label", says.picture);
    this.picture.replaceChildren(...parts);
    if (this.status.textContent !== says.status) this.status.textContent = says.status;
    this.list();
  }

  list() {
    if (!this.numbers.open) return;
    this.body.replaceChildren(...this.rows().map(([first, ...others]) =>
      make("tr", {}, make("th", { scope: "row" }, first), ...others.map((cell) => make("td", {}, cell)))));
  }
}
