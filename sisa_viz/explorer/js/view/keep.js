// Files and words of what is on show: the panels as PNG or SVG, the locked row as CSV, the view as a call of Python.

import { csvOf } from "../maths/csv.js";
import { make } from "./dom.js";
import { drawView, sizeOf, SvgContext } from "./drawing.js";

const SCALE = 2; // a PNG has twice as many pixels as the screen at least

export class Keep {
  /** explorer: whose panels, head, query and state are kept; bar: where the buttons stand */
  constructor(explorer, bar) {
    const button = (text, title, onclick) => make("button", { type: "button", title, "aria-label": title, onclick }, text);
    this.explorer = explorer;
    this.row = button("CSV", "save the locked row as CSV", () => this.csv());
    this.status = make("span", { role: "status" });
    this.element = make("span", { class: "sisa-x-keep", role: "group", "aria-label": "keep what is on show" },
      button("PNG", "save the panels as PNG", () => this.png()), button("SVG", "save the panels as SVG", () => this.svg()),
      this.row, button("Python", "copy the call that makes this view", () => this.python()), this.status);
    bar.append(this.element);
  }

  /** Without a locked row there is no CSV. */
  show(query) {
    this.row.disabled = query === null;
    this.status.textContent = "";
  }

  /** What files are called. */
  get name() {
    return this.explorer.trace.nameOf(this.explorer.index);
  }

  /** What a drawing is of. */
  get facts() {
    const { trace, lamScale } = this.explorer;
    return [this.name, trace.hasLam && `λ × ${lamScale}`];
  }

  get call() {
    return `ScoreExplorer(trace, state=${pythonOf(this.explorer.state)})`;
  }

  /** What a drawing needs. */
  get view() {
    const { panels, look, root, trace, spans, query, answer } = this.explorer, { tokens, title } = trace.meta;
    const facts = [title, ...this.facts, query !== null && `query ${query}`, answer?.exact === false && "from a sample of its queries"];
    return { panels, look, name: this.name, theme: root.dataset.theme, marks: { tokens, spans, query }, title: facts.filter(Boolean).join(" · ") };
  }

  png(view = this.view) {
    const { width, height } = sizeOf(view.panels.all.length, view.panels.side);
    const ratio = Math.max(SCALE, window.devicePixelRatio || 1);
    const canvas = make("canvas", { width: Math.round(width * ratio), height: Math.round(height * ratio) });
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    drawView(context, view);
    canvas.toBlob((blob) => save(`${view.name}.png`, blob), "image/png");
  }

  svg(view = this.view) {
    const { width, height } = sizeOf(view.panels.all.length, view.panels.side);
    const context = new SvgContext(width, height);
    drawView(context, view);
    save(`${view.name}.svg`, new Blob([context.text], { type: "image/svg+xml" }));
  }

  csv() {
    const { name } = this, { query, numbers: ofHead, trace } = this.explorer, { tokens } = trace.meta, numbers = ofHead.row(query);
    const parts = Object.keys(numbers), keys = Array.from({ length: query + 1 }, (_, key) => key);
    const rows = keys.map((key) => [query, key, tokens[key], ...parts.map((part) => Number(numbers[part][key].toPrecision(9)))]);
    save(`${name}_query${query}.csv`, new Blob([csvOf(["query", "key", "token", ...parts], rows)], { type: "text/csv" }));
  }

  async python() {
    const { call } = this;
    try {
      await navigator.clipboard.writeText(call);
      this.status.textContent = "copied";
    } catch { // a page that may not copy shows the call instead
      this.status.textContent = call;
    }
  }
}

/** Numbers, texts, lists and null of a state, as Python writes them. */
export function pythonOf(state) {
  const value = (one) => {
    if (one === null) return "None";
    if (typeof one === "string") return JSON.stringify(one); // which Python reads alike
    return Array.isArray(one) ? `[${one.join(", ")}]` : String(one);
  };
  return `{${Object.entries(state).map(([name, one]) => `"${name}": ${value(one)}`).join(", ")}}`;
}

function save(name, blob) {
  const href = URL.createObjectURL(blob), link = make("a", { href, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(href), 60_000);
}
