// One part of two heads and their difference, row by row or column by column.

import { HeadNumbers } from "./numbers.js";

/** Like HeadNumbers; its parts are "a", "b" and "difference". */
export class PairNumbers extends HeadNumbers {
  constructor() {
    super();
    this.sides = [new HeadNumbers(), new HeadNumbers()];
  }

  /** The part of a score whose numbers are wanted; what was computed of other heads, λ or parts is forgotten. */
  usePart(part) {
    this.part = part;
    this.rows.clear();
  }

  compute(query) {
    return this.paired(this.sides.map((side) => side.row(query)));
  }

  /** norms: [of a, of b], as a HeadPair's answer has them */
  column(key, norms) {
    return this.paired(this.sides.map((side, at) => side.column(key, norms[at])));
  }

  cell(query, key, norms) {
    const [a, b] = this.sides.map((side, at) => side.cell(query, key, norms[at])[this.part]);
    return { a, b, difference: b - a };
  }

  isDrawn() {
    return true;
  }

  paired(numbers) {
    const [a, b] = numbers.map((each) => each[this.part]);
    return { a, b, difference: b.map((value, at) => value - a[at]) };
  }
}
