// What the explorer says in words about the head on show, and the key of the marked spans.

import { brief, whole } from "../maths/labels.js";
import { weightNote } from "../maths/weights.js";
import { make } from "./dom.js";
import { label } from "./rowtable.js";

/** The header over an explorer, and the notes below its panels. */
export class HeadWords {
  constructor() {
    this.title = make("h2", {});
    this.name = make("b", { class: "sisa-x-name" });
    this.facts = make("span", { class: "sisa-x-facts" });
    this.sample = make("span", { class: "sisa-x-sample", role: "status" });
    this.header = make("header", { class: "sisa-x-header" }, this.title, this.name, this.facts, this.sample);
    this.notes = make("p", { class: "sisa-x-status", role: "status" });
  }

  show(trace, index) {
    this.title.textContent = trace.meta.title;
    this.name.textContent = trace.nameOf(index);
    this.facts.textContent = headFacts(trace, index).join(" · ");
    this.notes.textContent = headNotes(trace, index).join(" ");
  }

  /** Says what a picture was made from, where that was not all at once; answer: an Engine's, n: queries of the head. */
  count({ exact, drawn }, [q0, q1], n) {
    if (drawn === undefined) return;
    this.sample.textContent = exact
      ? `All ${whole(n)} queries are computed: pictures, colour limits and largest values are exact.`
      : `So far from ${whole(drawn)} of ${whole(q1 - q0)} queries on show; pictures, colour limits and largest values follow from all ${whole(n)}.`;
  }

  fail(message) {
    this.notes.textContent = `This cannot be shown: ${message}`;
    this.notes.classList.add("sisa-x-error");
  }
}

/** Facts for the header: length, and λ, half-life and clamp where this head has them. */
export function headFacts(trace, index) {
  const { lam, half_life, clamped } = trace.info(index), { n, d_state } = trace.spec;
  const facts = [`${whole(n)} tokens`];
  if (trace.hasLam) facts.push(`λ ${brief(lam)}`);
  facts.push(d_state ? halfLife(half_life) : "attention alone");
  if (trace.hasLam) facts.push(`clamp acts at ${whole(clamped)} of ${whole(n)} positions`);
  return facts;
}

const halfLife = (tokens) => `half-life ${tokens === null ? "unending" : `${brief(tokens)} tokens`}`;

/** Sentences below the panels: what a reader must know so as not to read too much into them. */
export function headNotes(trace, index) {
  const { clamped, encoding } = trace.info(index), { weighing } = trace.spec;
  const notes = [];
  if (trace.hasLam) notes.push("λ changes this layer's scores only: later layers are not re-run.");
  if (weightNote(weighing)) notes.push(weightNote(weighing));
  if (clamped) notes.push(`Decay among the ${whole(clamped)} clamped positions is lost.`);
  if (encoding === "fixed16") {
    notes.push(`Factors are stored in 16 bits: scores differ from the trace by at most ${brief(trace.meta.rounding)} (measured).`);
  }
  return notes;
}

/** The named spans of a trace, each with its colour. */
export function colouredSpans({ spans, colours }) {
  return Object.entries(spans).map(([name, range], n) => ({ name, range, colour: colours.spans[n % colours.spans.length] }));
}

/** The key below the panels: a swatch, a name and the tokens of every span. */
export function spanKey(spans) {
  const entry = ({ name, range, colour }) => {
    const swatch = make("i", {});
    swatch.style.background = colour;
    return make("span", {}, swatch, label(name, "bdi"), ` tokens ${range[0]} to ${range[1] - 1}`);
  };
  return make("p", { class: "sisa-x-spans" }, ...spans.map(entry));
}
