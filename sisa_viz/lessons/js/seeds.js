// Learning curves with as many seeds as the reader lets in: thin lines are runs, thick ones means, bands intervals.

import { fixed } from "../../explorer/js/maths/labels.js";
import { make } from "../../explorer/js/view/dom.js";
import { Frame } from "./view/frame.js";
import { panel } from "./view/panel.js";
import { Slider } from "./view/slider.js";
import { area, line, svg } from "./view/svg.js";

const CURVES_TALL = 330, LINE = 20; // CSS pixels of the panel and of a line of the legend

/** Mean and ends of the interval of a variant at a step, as {mean, low, high}; low and high are null below three seeds. */
export const measured = (variant, seeds, at) => variant.means[seeds - 1][at];

export class SeedsLesson {
  /** data: {steps, label of what is measured, variants: [{name, colour, runs: [seed][step], means: [seeds − 1][step] of {mean, low, high}}]} */
  constructor(root, data) {
    this.data = data;
    const changed = () => this.frame.show(), value = (position) => position;
    const most = data.variants[0].runs.length;
    this.seeds = new Slider("seeds", { least: 1, most, step: 1, start: 1 }, { value, words: (seeds) => `${seeds} of ${most}`, changed });
    this.step = new Slider("look at step", { least: 0, most: data.steps.length - 1, step: 1, start: data.start }, { value, words: (at) => String(data.steps[at]), changed });
    this.boxes = data.variants.map(() => make("input", { type: "checkbox", checked: true, onchange: changed }));
    const choices = data.variants.map(({ name }, at) => make("label", { class: "choice" }, this.boxes[at], name));
    this.frame = new Frame(root, {
      name: "seeds and steps",
      controls: [this.seeds.element, this.step.element, make("fieldset", {}, make("legend", {}, "show"), ...choices)],
      columns: ["step", ...data.variants.map(({ name }) => name)],
      draw: (width) => this.draw(width),
      says: () => this.says(),
      rows: () => this.rows(),
    });
  }

  get shown() {
    return this.data.variants.filter((_, at) => this.boxes[at].checked);
  }

  says() {
    const seeds = this.seeds.value, at = this.step.value, { steps, label } = this.data;
    const found = this.shown.map((variant) => ({ name: variant.name, ...measured(variant, seeds, at) })).sort((one, other) => other.mean - one.mean);
    const words = found.map(({ name, mean, low, high }) => `${name} ${wholePercent(mean)}${low === null ? "" : ` (${wholePercent(low)} to ${wholePercent(high)})`}`);
    const bounds = found.some(({ low }) => low === null) ? "below three seeds there is no interval" : "95 % intervals in brackets";
    const listed = words.length ? `${words.join(", ")}; ${bounds}.` : "nothing is shown.";
    return { status: `At step ${steps[at]}, ${seeds === 1 ? "one seed" : `mean of ${seeds} seeds`}: ${listed}`, picture: `${label} over steps. ${words.join(", ")} at step ${steps[at]}.` };
  }

  draw(width) {
    const seeds = this.seeds.value, { steps, label } = this.data, last = steps.at(-1);
    const { element, x, y, inner } = panel({ top: 0, width, height: CURVES_TALL }, {
      title: label, across: { low: 0, high: last, label: "step" }, up: { low: 0, high: 1, most: 5 },
    });
    const places = (values) => values.map((each, at) => [x(steps[at]), y(each)]);
    for (const { colour, runs, means } of this.shown) {
      const mean = means[seeds - 1];
      if (mean[0].low !== null) element.append(area([...places(mean.map(({ low }) => low)), ...places(mean.map(({ high }) => high)).reverse()], { fill: colour, opacity: 0.2 }));
      if (seeds > 1) runs.slice(0, seeds).forEach((run) => element.append(line(places(run), { stroke: colour, "stroke-width": 0.8, opacity: 0.7 })));
    }
    for (const { colour, dash, means } of this.shown) element.append(line(places(means[seeds - 1].map(({ mean }) => mean)), { stroke: colour, "stroke-width": 2.6, "stroke-dasharray": dash }));
    element.append(line([[x(steps[this.step.value]), inner.top - 4], [x(steps[this.step.value]), inner.bottom]], { class: "probe" }));
    const names = this.shown.map(({ name, colour, dash }, at) => key(name, colour, dash, CURVES_TALL + 8 + LINE * at));
    return { height: CURVES_TALL + 8 + LINE * this.data.variants.length, parts: [element, ...names] };
  }

  rows() {
    const seeds = this.seeds.value;
    return this.data.steps.map((step, at) => [String(step), ...this.data.variants.map((variant) => wholePercent(measured(variant, seeds, at).mean))]);
  }
}

const wholePercent = (share) => `${fixed(100 * share, 0)} %`;

const key = (name, colour, dash, y) => svg("g", {}, line([[46, y], [76, y]], { stroke: colour, "stroke-width": 2.6, "stroke-dasharray": dash }), svg("text", { x: 84, y: y + 4, class: "tick" }, name));
