// Files and words of what a comparison shows.

import { readable } from "../maths/labels.js";
import { Keep, pythonOf } from "./keep.js";

export class CompareKeep extends Keep {
  get name() {
    return `${this.explorer.state.part} ${this.explorer.sides.map(({ title }) => title).join(" and ")}`;
  }

  get facts() {
    const { sides, runs, state } = this.explorer, several = runs.names.length > 1;
    const words = ({ name, title, run, lamScale, trace }) =>
      [`${name}: ${title}`, several && readable(run), trace.hasLam && `λ × ${lamScale}`].filter(Boolean).join(" ");
    return [runs.titles[state.part], ...sides.map(words)];
  }

  get call() {
    const { runs, state } = this.explorer;
    return `compare(${["a, a", "a, b"][runs.names.length - 1] ?? "runs"}, state=${pythonOf(state)})`;
  }
}
