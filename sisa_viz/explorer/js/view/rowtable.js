// The locked query as a table: its top keys, the three parts of each score, and the weight.
// It is also how the panels reach people who do not see them.

import { make, options } from "./dom.js";
import { fixed, shortened } from "../maths/labels.js";

const LIMITS = [[10, "10"], [25, "25"], [100, "100"], [Infinity, "all"]];

export class RowTable {
  /** titles: {part: heading}; digits: decimals */
  constructor(tokens, titles, digits) {
    const columns = Object.entries({ key: "key", token: "token", ...titles });
    const parts = Object.keys(titles), main = parts.at(-1); // which ranks by size and has a bar
    Object.assign(this, { tokens, parts, main, digits, sort: main, limit: 10 });
    this.heading = make("h3");
    this.body = make("tbody");
    this.table = make("table", {}, make("thead", {}, make("tr", {}, ...columns.map((column) => this.columnHead(column)))), this.body);
    const limit = make("select", { "aria-label": "keys to list", onchange: () => { this.limit = Number(limit.value); this.fill(); } });
    options(limit, LIMITS);
    this.element = make("section", { class: "sisa-x-table" },
      make("header", {}, this.heading, make("label", {}, "keys ", limit)),
      make("div", { class: "sisa-x-scroll", tabIndex: 0, role: "region", "aria-label": "keys of the locked query" }, this.table));
  }

  columnHead([key, title]) {
    if (key === "token") return make("th", { scope: "col" }, title);
    const button = make("button", { type: "button", onclick: () => this.sortBy(key) }, title);
    return make("th", { scope: "col", "data-sort": key }, button);
  }

  sortBy(key) {
    this.sort = key;
    this.fill();
  }

  /** numbers: {part: numbers} of one query, or null where none is locked. */
  show(query, name, numbers) {
    Object.assign(this, { query, name, numbers });
    this.fill();
  }

  fill() {
    const { numbers, query } = this;
    this.table.hidden = !numbers;
    for (const th of this.table.querySelectorAll("th[data-sort]")) {
      th.setAttribute("aria-sort", th.dataset.sort !== this.sort ? "none" : this.sort === "key" ? "ascending" : "descending");
    }
    if (!numbers) {
      this.heading.textContent = "No query locked: click a panel or a token of the text, or type a position";
      return;
    }
    this.heading.textContent = `${this.name} · query ${query} `;
    this.heading.append(label(this.tokens[query], "em"));
    this.mass = numbers[this.main].reduce((sum, w) => sum + Math.abs(w), 0) || 1;
    this.body.replaceChildren(...this.ranking().map((key) => this.line(key)));
  }

  ranking() {
    const { numbers, sort, limit, main } = this;
    const keys = Array.from(numbers[main].keys());
    const rank = sort === main ? numbers[main].map(Math.abs) : numbers[sort];
    if (sort !== "key") keys.sort((a, b) => rank[b] - rank[a] || a - b);
    return keys.slice(0, limit);
  }

  line(key) {
    const cells = this.parts.map((part) => make("td", {}, fixed(this.numbers[part][key], this.digits)));
    cells.at(-1).style.setProperty("--share", `${(100 * Math.abs(this.numbers[this.main][key])) / this.mass}%`);
    return make("tr", { "data-key": String(key) },
      make("th", { scope: "row" }, String(key)), make("td", {}, label(this.tokens[key], "bdi")), ...cells);
  }
}

/** A token as an isolated piece of text, long ones cut, the whole in the element's title. */
export function label(token, tag) {
  return make(tag, { class: "sisa-x-token", dir: "ltr" }, shortened(token, 40));
}
