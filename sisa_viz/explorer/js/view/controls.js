// The bar over the panels: head, λ, locked query, contrast, zoom.

import { make, options } from "./dom.js";
import { brief } from "../maths/labels.js";

export const LAM_MOST = 4;

export class Controls {
  /** set(name, value) changes the shared state; reset() shows the whole map; contrast(factor) and range(ofWindow) are local; help() lists the keys. */
  constructor(trace, { set, reset, contrast, range, help }) {
    this.trace = trace;
    const { meta } = trace;
    this.layer = this.choice("layer", meta.layers, (value) => set("layer", value));
    this.head = this.choice("head", meta.heads, (value) => set("head", value));
    this.slider = make("input", {
      type: "range", min: "0", max: String(LAM_MOST), step: "0.01", "aria-label": "λ as a multiple of the trained value",
      disabled: !trace.hasLam, oninput: () => set("lam_scale", Number(this.slider.value)),
    });
    this.readout = make("output", { class: "sisa-x-lam" });
    const jump = (text, value) => make("button", { type: "button", disabled: !trace.hasLam, onclick: () => set("lam_scale", value) }, text);
    this.query = make("input", { type: "number", min: "0", max: String(meta.n - 1), placeholder: "none", onchange: () => this.typedQuery(set) });
    const strength = make("select", { "aria-label": "contrast", onchange: () => contrast(Number(strength.value)) });
    options(strength, [1, 2, 5, 20, 100].map((factor) => [factor, `${factor} ×`]));
    const limits = make("select", { "aria-label": "colours end at the largest value of", onchange: () => range(limits.value === "window") });
    options(limits, [["map", "whole map"], ["window", "window"]]);
    this.zoom = make("button", { type: "button", onclick: reset }, "whole map");
    this.element = make("div", { class: "sisa-x-controls", role: "group", "aria-label": "controls" },
      make("label", {}, "layer ", this.layer), make("label", {}, "head ", this.head),
      make("span", { class: "sisa-x-slider" }, make("span", {}, "λ"), this.slider, this.readout, jump("off", 0), jump("trained", 1)),
      make("label", {}, "query ", this.query), make("label", {}, "contrast ", strength), make("label", {}, "colours of ", limits), this.zoom,
      make("button", { type: "button", "aria-label": "keys and pointer", title: "keys and pointer", onclick: help }, "?"));
  }

  choice(name, values, set) {
    const select = make("select", { "aria-label": name, onchange: () => set(values[select.selectedIndex]) });
    options(select, values.map((value) => [value, String(value)]));
    return select;
  }

  typedQuery(set) {
    const text = this.query.value.trim(), value = Number(text);
    const legal = Number.isInteger(value) && value >= 0 && value < this.trace.meta.n;
    if (text === "") set("query", null);
    else if (legal) set("query", value);
    this.query.setCustomValidity(text === "" || legal ? "" : `0 to ${this.trace.meta.n - 1}`);
  }

  show({ layer, head, lam_scale, query, window }, lam) {
    const { layers, heads } = this.trace.meta;
    this.layer.selectedIndex = layers.indexOf(layer);
    this.head.selectedIndex = heads.indexOf(head);
    this.slider.value = String(lam_scale);
    const scaled = `${lam_scale.toFixed(2)} × trained, λ = ${brief(lam * lam_scale)}`;
    this.readout.textContent = this.trace.hasLam ? scaled : "no importance term";
    if (document.activeElement !== this.query) this.query.value = query === null ? "" : String(query);
    this.zoom.disabled = window === null;
  }
}
