// Over the panel of one side of a comparison: its run, layer, head and λ, and what is known of that head.

import { brief, readable } from "../maths/labels.js";
import { LAM_MOST } from "./controls.js";
import { make, options } from "./dom.js";
import { headFacts } from "./facts.js";

export class SideControls {
  /** name: "A" or "B"; runs: ComparedRuns; set(name, value) changes this side's state: run, layer, head, lam_scale */
  constructor(name, runs, set) {
    Object.assign(this, { runs, name });
    const { names } = runs;
    this.run = this.choice("run", (at) => set("run", names[at]));
    options(this.run, names.map((each, at) => [at, readable(each)]));
    this.course = make("input", { type: "range", min: "0", max: String(names.length - 1), step: "1", "aria-label": `run of ${name}`,
      oninput: () => set("run", names[Number(this.course.value)]) });
    this.layer = this.choice("layer", (at) => set("layer", this.trace.meta.layers[at]));
    this.head = this.choice("head", (at) => set("head", this.trace.meta.heads[at]));
    this.slider = make("input", { type: "range", min: "0", max: String(LAM_MOST), step: "0.01",
      "aria-label": `λ of ${name} as a multiple of the trained value`, oninput: () => set("lam_scale", Number(this.slider.value)) });
    this.readout = make("output", {});
    this.facts = make("p", { class: "sisa-x-facts" });
    this.lam = make("span", { class: "sisa-x-slider" }, make("span", {}, "λ"), this.slider, this.readout);
    const course = names.length > 2 ? [this.course] : [], run = names.length > 1 ? [make("label", {}, "run ", this.run), ...course] : [];
    this.element = make("div", { class: "sisa-x-sidebar", role: "group", "aria-label": `side ${name}` },
      make("b", { class: "sisa-x-name" }, name), ...run, make("span", { class: "sisa-x-place" }, make("label", {}, "layer ", this.layer), make("label", {}, "head ", this.head)),
      this.lam, this.facts);
  }

  choice(what, chosen) {
    return make("select", { "aria-label": `${what} of ${this.name}`, onchange: (event) => chosen(event.target.selectedIndex) });
  }

  show({ run, layer, head, lam_scale }, index) {
    this.useTrace(run);
    const { meta } = this.trace, { lam } = this.trace.info(index);
    this.layer.selectedIndex = meta.layers.indexOf(layer);
    this.head.selectedIndex = meta.heads.indexOf(head);
    this.slider.value = String(lam_scale);
    this.readout.textContent = `${lam_scale.toFixed(2)} × trained = ${brief(lam * lam_scale)}`;
    this.lam.hidden = !this.trace.hasLam;
    const [, ...facts] = headFacts(this.trace, index); // all sides have the same tokens
    this.facts.textContent = facts.join(" · ");
  }

  useTrace(run) {
    const at = this.runs.names.indexOf(run);
    this.run.selectedIndex = at;
    this.course.value = String(at);
    this.course.setAttribute("aria-valuetext", readable(run));
    const trace = this.runs.traces.get(run);
    if (trace === this.trace) return;
    this.trace = trace;
    const { layers, heads } = trace.meta;
    [[this.layer, layers], [this.head, heads]].forEach(([select, values]) => options(select, values.map((value) => [value, String(value)])));
  }
}
