// The numbers of the head on show, row by row or column by column, each computed when it is asked for.

import { columnNumbers, rowNumbers } from "./maths.js";

const MOST_ROWS = 64; // that are kept

export class HeadNumbers {
  constructor() {
    this.rows = new Map();
  }

  /** Another head; it is decoded when a row of it is wanted. */
  useHead(decode) {
    Object.assign(this, { decode, held: null });
    this.rows.clear();
  }

  useScale(lamScale) {
    if (lamScale === this.lamScale) return;
    this.lamScale = lamScale;
    this.rows.clear();
  }

  get head() {
    this.held ??= this.decode();
    return this.held;
  }

  /** {part: numbers of the keys 0 … query} */
  row(query) {
    if (!this.rows.has(query)) {
      if (this.rows.size >= MOST_ROWS) this.rows.clear();
      this.rows.set(query, this.compute(query));
    }
    return this.rows.get(query);
  }

  compute(query) {
    return rowNumbers(this.head, query, this.lamScale);
  }

  /** {part: numbers of the queries key … last}; `norms` as an Engine's view has them at this head and λ */
  column(key, norms) {
    return columnNumbers(this.head, key, this.lamScale, norms);
  }

  /** Of the cells of a block the one that a panel shows: the largest in size; null where there is none. */
  strongest(part, [q0, q1, k0, k1]) {
    let best = null;
    for (let query = q0; query < q1; query++) {
      const row = this.row(query)[part];
      for (let key = k0; key < Math.min(k1, query + 1); key++) {
        const size = Math.abs(row[key]);
        if (!best || size > best.size) best = { query, key, size };
      }
    }
    return best;
  }
}
