// The numbers of the head on show, row by row or column by column, each computed when it is asked for.

import { cellNumbers, columnNumbers, rowNumbers } from "./maths.js";

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

  /** The four numbers of one cell; `norms` as in `column`. */
  cell(query, key, norms) {
    return cellNumbers(this.head, query, key, this.lamScale, norms[query]);
  }

  /** Whether a query is part of the picture; in one from a sample the others have no norm yet. */
  isDrawn(query, norms) {
    return !Number.isNaN(norms[query]);
  }

  /** Of a block's cells the one that a panel shows, the largest in size, or null; `queries` says how many of the block are drawn. */
  strongest(part, [q0, q1, k0, k1], norms) {
    const drawn = Array.from({ length: q1 - q0 }, (_, at) => q0 + at).filter((query) => this.isDrawn(query, norms));
    let best = null;
    for (const query of drawn) {
      for (let key = k0; key < Math.min(k1, query + 1); key++) {
        const size = Math.abs(this.cell(query, key, norms)[part]);
        if (!best || size > best.size) best = { query, key, size, queries: drawn.length };
      }
    }
    return best;
  }

  /** The key at which a part of a query's row is largest in size, of keys k0 … k1 − 1; null where it sees none of them. */
  strongestKey(part, query, k0, k1) {
    const seen = this.row(query)[part].subarray(k0, k1);
    if (!seen.length) return null;
    return k0 + seen.reduce((best, value, at) => (Math.abs(value) > Math.abs(seen[best]) ? at : best), 0);
  }
}
