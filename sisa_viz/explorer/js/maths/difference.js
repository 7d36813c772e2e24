// Two heads over one text, and what the second has over the first: cell by cell, before cells share a pixel.

import { lookupTable, paint } from "./colour.js";
import { decodeHead } from "./decode.js";
import { newPeak, notePeak, productMaps, RowPairs, rowStart, weighedRow } from "./maths.js";
import { Grid, poolRow } from "./pool.js";
import { align, TILE_ROWS } from "./tiles.js";
import { WEIGHTS } from "./weights.js";

export const PAIR_VIEWS = ["a", "b", "difference"];
const KEPT = 4096; // positions up to which the products of both heads are kept, in 4 × 34 MB; longer ones are made anew

/** Products that are made when a row is read; the rows of the last call are gone. */
class MadeRows {
  constructor(head) {
    this.pairs = new RowPairs(head);
    this.content = this.pairs.content;
    this.importance = this.pairs.importance;
  }

  /** Row i lies in `content` and `importance` from the number on that comes back. */
  read(i) {
    const start = i - (i % TILE_ROWS);
    if (start !== this.at) this.pairs.fill(start, 0, align(start + TILE_ROWS));
    this.at = start;
    return (i - start) * this.pairs.wide;
  }
}

/** The same, where both products are kept. */
class KeptRows {
  constructor(head, old) {
    this.maps = productMaps(head, old);
    this.content = this.maps.content;
    this.importance = this.maps.importance;
  }

  read(i) {
    return rowStart(i);
  }
}

/** One of the two heads: a part of its rows at its factor on λ. */
class PairedHead {
  constructor({ bytes, spec, lam }, kept, old) {
    const head = decodeHead(bytes, spec, lam);
    this.weighing = head.weighing;
    this.n = head.n;
    this.rows = head.n <= kept ? new KeptRows(head, old?.rows.maps) : new MadeRows(head);
    [this.scores, this.weights, this.part] = [0, 1, 2].map(() => new Float32Array(head.n));
  }

  /** Fills `part` for the keys 0 … i; returns `norm` of weighedRow. */
  read(i, part, lamScale) {
    const { rows, scores, weights } = this, offset = rows.read(i);
    const { sum, norm } = weighedRow(this, rows.content, rows.importance, offset, i, lamScale, scores, weights);
    const [values, from, factor] = { content: [rows.content, offset, 1], importance: [rows.importance, offset, lamScale],
      scores: [scores, 0, 1], pattern: [weights, 0, 1 / sum] }[part];
    for (let j = 0; j <= i; j++) this.part[j] = factor * values[from + j];
    return norm;
  }
}

export class HeadPair {
  constructor(kept = KEPT) {
    this.kept = kept;
  }

  /**
   * request: {key, heads?: [{bytes, spec, lam}, …], lamScales, part, window, rows, cols, colours, contrast}
   * answer: {pictures: {a, b, difference}, rows, cols, limits: {values, difference}, peaks, norms: [of a, of b]}
   * `heads` come along only when `key` names two that are not held. Limits and peaks do not depend on the window.
   */
  answer({ key, heads, lamScales, part, window, rows, cols, colours, contrast }) {
    if (key !== this.key) this.useHeads(key, heads);
    const grid = new Grid(window, rows, cols), pools = this.pool(grid, part, lamScales);
    const { limits, peaks, norms } = this.found, tables = [colours.signed, colours.pattern].map(lookupTable);
    const signed = isSigned(part, this.heads[0].weighing), top = limits.values / contrast, most = limits.difference / contrast;
    const shaded = (bins) => (signed ? paint(bins, -top, top, tables[0]) : paint(bins, 0, top, tables[1]));
    const pictures = { a: shaded(pools.a), b: shaded(pools.b), difference: paint(pools.difference, -most, most, tables[0]) };
    const transfer = PAIR_VIEWS.map((view) => pictures[view].buffer);
    return { pictures, rows: grid.rows, cols: grid.cols, limits, peaks, norms, transfer };
  }

  useHeads(key, heads) {
    this.key = null; // the old triangles are written over
    this.heads = heads.map((head, at) => new PairedHead(head, this.kept, this.heads?.[at]));
    this.key = key;
    this.foundAt = null;
  }

  /** Rows outside the window count for limits and norms alone: they are read once for a part and two λ. */
  pool(grid, part, lamScales) {
    const place = [part, ...lamScales].join(), isNew = place !== this.foundAt;
    const pools = Object.fromEntries(PAIR_VIEWS.map((view) => [view, grid.empty()]));
    const { rowEdges, colEdges } = grid, [a, b] = this.heads, difference = new Float32Array(a.n);
    const found = isNew ? new Found(a.n, part === "pattern" && a.weighing.score === "softmax") : null;
    const [first, stop] = isNew ? [0, a.n] : [rowEdges[0], rowEdges[grid.rows]];
    for (let i = first, bin = 0; i < stop; i++) {
      const norms = [a, b].map((head, at) => head.read(i, part, lamScales[at]));
      for (let j = 0; j <= i; j++) difference[j] = b.part[j] - a.part[j];
      const rows = { a: a.part, b: b.part, difference };
      found?.note(i, rows, norms);
      if (i < rowEdges[0] || i >= rowEdges[grid.rows]) continue;
      while (rowEdges[bin + 1] <= i) bin++;
      for (const view of PAIR_VIEWS) poolRow(rows[view], 0, i, colEdges, pools[view], bin);
    }
    if (isNew) Object.assign(this, { found: found.done(part === "pattern" ? WEIGHTS[a.weighing.score].top : undefined), foundAt: place });
    return pools;
  }
}

export const isSigned = (part, { score }) => part !== "pattern" || Boolean(WEIGHTS[score].signed);

/**
 * What all rows together say: norms, and where each view is largest in size. Query 0 has the probability 1, and early
 * queries see few keys and have large probabilities in any head: `late` holds the largest after the first eighth, by
 * which probabilities are coloured.
 */
class Found {
  constructor(n, isProbability) {
    Object.assign(this, { n, isProbability, norms: [new Float64Array(n), new Float64Array(n)] });
    [this.peaks, this.late] = [0, 1].map(() => Object.fromEntries(PAIR_VIEWS.map((view) => [view, newPeak()])));
  }

  note(i, rows, norms) {
    norms.forEach((norm, side) => { this.norms[side][i] = norm; });
    for (const view of PAIR_VIEWS) {
      if (i || !this.isProbability) notePeak(this.peaks[view], rows[view], 0, i);
      if (8 * i >= this.n) notePeak(this.late[view], rows[view], 0, i);
    }
  }

  /** top: where the colours of weights end in any head, if they do */
  done(top) {
    const { peaks, norms } = this, counted = this.isProbability ? this.late : peaks;
    const [a, b, difference] = PAIR_VIEWS.map((view) => Math.abs(counted[view].value));
    return { limits: { values: top ?? (Math.max(a, b) || 1), difference: difference || 1 }, peaks, norms };
  }
}
