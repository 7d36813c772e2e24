// The bar over a comparison: what is compared, locked query, contrast, zoom.

import { make, options } from "./dom.js";

export class CompareBar {
  /** titles: {part: its name}; set(name, value) changes the shared state; contrast(factor) is local; help() lists the keys. */
  constructor(titles, n, { set, contrast, help }) {
    this.n = n;
    this.parts = Object.entries(titles).map(([part, title]) =>
      make("button", { type: "button", "data-part-choice": part, onclick: () => set("part", part) }, title));
    this.query = make("input", { type: "number", min: "0", max: String(n - 1), placeholder: "none", onchange: () => this.typedQuery(set) });
    const strength = make("select", { "aria-label": "contrast", onchange: () => contrast(Number(strength.value)) });
    options(strength, [1, 2, 5, 20, 100].map((factor) => [factor, `${factor} ×`]));
    this.zoom = make("button", { type: "button", onclick: () => set("window", null) }, "whole map");
    this.element = make("div", { class: "sisa-x-controls", role: "group", "aria-label": "controls" },
      make("span", { class: "sisa-x-parts", role: "group", "aria-label": "what is compared" }, ...this.parts),
      make("label", {}, "query ", this.query), make("label", {}, "contrast ", strength), this.zoom,
      make("button", { type: "button", "aria-label": "keys and pointer", title: "keys and pointer", onclick: help }, "?"));
  }

  typedQuery(set) {
    const text = this.query.value.trim(), value = Number(text), isNone = text === "";
    const isLegal = isNone || (Number.isInteger(value) && value >= 0 && value < this.n);
    if (isLegal) set("query", isNone ? null : value);
    this.query.setCustomValidity(isLegal ? "" : `0 to ${this.n - 1}`);
  }

  show({ part, query, window }) {
    this.parts.forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.partChoice === part)));
    if (document.activeElement !== this.query) this.query.value = query === null ? "" : String(query);
    this.zoom.disabled = window === null;
  }
}
