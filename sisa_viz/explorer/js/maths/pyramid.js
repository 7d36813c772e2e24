// A head too long for packed triangles. Of its scores only blocks are kept, `grain` positions a side, each with its cell
// that is largest in size; they take a pass over all queries at one λ, in slices. Until that pass is through, pictures
// come from a sample: the last queries of every row of bins, which see every key that the bins show.
//
// What is drawn is always a cell of its bin. After the pass it is the largest one, in every window:
//   up to `cells` cells      computed from the factors, one cell after another, in bins of any edges
//   more                     from blocks, in bins whose inner edges are multiples of `grain`; the strips between the
//                            window's own edges and the first and last whole block are computed from the factors

import { newPeak, notePeak, RowPairs, rowStart, weighedRow } from "./maths.js";
import { binOfRow, Grid, notePeaks, poolSpan } from "./pool.js";
import { align, TILE_COLUMNS, TILE_ROWS } from "./tiles.js";
import { weightOf } from "./weights.js";

const PRODUCTS = ["content", "importance"];
const WEIGHED = ["scores", "pattern"];
const MOST_BLOCKS = 4096; // along a side: four maps of 34 MB

const newPeaks = () => ({ content: newPeak(), importance: newPeak(), scores: newPeak(), pattern: newPeak(), late: 0 });

/** As fine as the blocks may be, in whole tiles. */
const grainOf = (n) => TILE_COLUMNS * Math.ceil(n / (TILE_COLUMNS * MOST_BLOCKS));

export class Pyramid {
  /** cells: of the largest window, or sample, that is computed at once; slice: milliseconds; the blocks of `old`, if it has the size, are written over */
  constructor(head, old, { cells, slice }) {
    const { n, weighing } = head, grain = grainOf(n), fits = old?.n === n;
    Object.assign(this, { n, weighing, grain, cells, slice, lamScale: null, products: null, rows: new RowPairs(head) });
    const empty = () => new Float32Array(rowStart(Math.ceil(n / grain)));
    this.blocks = fits ? old.blocks : Object.fromEntries([...PRODUCTS, ...WEIGHED].map((part) => [part, empty()]));
    this.norms = new Float64Array(n);
    [this.scores, this.weights] = [new Float32Array(n), new Float32Array(n)];
  }

  /** drawn: how many of the window's queries the picture was made from */
  view({ window, rows, cols, lamScale }) {
    this.useScale(lamScale);
    const key = [...window, rows, cols].join();
    if (key !== this.heldKey) {
      this.held = this.picture(window, this.gridOf(window, rows, cols));
      this.heldKey = key;
    }
    return { ...this.held, peaks: this.peaks, norms: this.norms.slice(), exact: this.exact };
  }

  useScale(lamScale) {
    if (lamScale === this.lamScale) return;
    this.norms.fill(NaN);
    Object.assign(this, { lamScale, exact: false, heldKey: null, peaks: { ...newPeaks(), ...this.products } });
    this.pass = { next: 0, peaks: { ...newPeaks(), ...this.products } };
  }

  /** A sample has fewer rows of bins than are wanted where its queries would see more than `cells` keys in all. */
  gridOf(window, wanted, cols) {
    const [q0, q1, k0, k1] = window, pairs = Math.ceil(this.cells / (q0 + q1));
    const rows = this.exact || q1 - q0 <= TILE_ROWS * pairs ? wanted : Math.min(wanted, pairs);
    return new Grid(window, rows, cols, (q1 - q0) * (k1 - k0) > this.cells ? this.grain : 1);
  }

  picture(window, grid) {
    const [q0, q1] = window;
    if (this.exact) return { grid, pools: this.largest(window, grid, [...PRODUCTS, ...WEIGHED]), drawn: q1 - q0 };
    const { pools, drawn } = this.sampled(window, grid);
    return { grid, pools: this.products ? { ...pools, ...this.largest(window, grid, PRODUCTS) } : pools, drawn };
  }

  // ---- a sample of queries

  sampled([q0, q1], grid) {
    const pools = emptyPools(grid, [...PRODUCTS, ...WEIGHED]), bins = binOfRow(grid.rowEdges, this.n);
    let drawn = 0;
    for (const pair of lastPairs(grid.rowEdges)) {
      this.eachOf(pair, (i, offset, sum) => {
        this.notePeaks(this.peaks, i, offset, sum);
        if (i < q0 || i >= q1) return;
        drawn++;
        for (let j = 0; j <= i; j++) this.weights[j] *= 1 / sum;
        const [first] = grid.colEdges, rows = this.rowsOf(offset);
        for (const [part, [values, at]] of Object.entries(rows)) {
          if (first <= i) poolSpan(values, at, first, i + 1, grid.colEdges, pools[part], bins[i], 0);
        }
      });
    }
    return { pools, drawn };
  }

  /** Computes queries `pair` and `pair` + 1 with all their keys and calls visit(i, offset, sum), the sum as weighedRow has it. */
  eachOf(pair, visit) {
    const { rows, norms, scores, weights, lamScale } = this;
    rows.fill(pair, 0, align(pair + TILE_ROWS));
    for (let i = pair; i < Math.min(pair + TILE_ROWS, this.n); i++) {
      const offset = (i - pair) * rows.wide;
      const { sum, norm } = weighedRow(this, rows.content, rows.importance, offset, i, lamScale, scores, weights);
      norms[i] = norm;
      visit(i, offset, sum);
    }
  }

  /** {part: [numbers, where key 0 lies in them]} of the query that has just been computed. */
  rowsOf(offset) {
    const { content, importance } = this.rows;
    return { content: [content, offset], importance: [importance, offset], scores: [this.scores, 0], pattern: [this.weights, 0] };
  }

  notePeaks(peaks, i, offset, sum) {
    if (!this.products) PRODUCTS.forEach((part) => notePeak(peaks[part], this.rows[part], offset, i));
    notePeaks(peaks, this.weighing, this.scores, this.weights, sum, i, this.n);
  }

  // ---- the pass over all queries

  /** Goes on with the pass for a slice of time, two queries at least; true once all queries are in. */
  refine() {
    const { pass, n } = this, stop = performance.now() + this.slice;
    if (this.exact) return true;
    do {
      this.addPair(pass);
      pass.next += TILE_ROWS;
    } while (pass.next < n && performance.now() < stop);
    if (pass.next < n) return false;
    const { content, importance } = pass.peaks;
    Object.assign(this, { peaks: pass.peaks, products: { content, importance }, exact: true, heldKey: null });
    return true;
  }

  addPair({ next, peaks }) {
    const parts = this.products ? WEIGHED : [...PRODUCTS, ...WEIGHED];
    this.eachOf(next, (i, offset, sum) => {
      this.notePeaks(peaks, i, offset, sum);
      for (let j = 0; j <= i; j++) this.weights[j] *= 1 / sum;
      const rows = this.rowsOf(offset);
      for (const part of parts) foldRow(...rows[part], i, this.grain, this.blocks[part]);
    });
  }

  // ---- the largest cell of every bin, once norms and blocks are there

  largest(window, grid, parts) {
    const pools = emptyPools(grid, parts);
    if (grid.grain === 1) {
      this.poolCells(window, grid, pools);
      return pools;
    }
    const [q0, q1, k0, k1] = window, inner = [...this.wholeBlocks(q0, q1), ...this.wholeBlocks(k0, k1)], [a, b, c, d] = inner;
    for (const strip of [[q0, a, k0, k1], [b, q1, k0, k1], [a, b, k0, c], [a, b, d, k1]]) this.poolCells(strip, grid, pools);
    for (const part of parts) poolBlocks(this.blocks[part], inner, grid, pools[part]);
    return pools;
  }

  /** The part of start … stop that whole blocks cover. */
  wholeBlocks(start, stop) {
    const { grain } = this, first = Math.min(stop, Math.ceil(start / grain) * grain);
    return [first, Math.max(first, Math.floor(stop / grain) * grain)];
  }

  /** Pools the cells of a part of the grid's window, each computed from the factors. */
  poolCells([q0, q1, k0, k1], grid, pools) {
    const { rows } = this, bins = binOfRow(grid.rowEdges, this.n), first = grid.colEdges.findLastIndex((edge) => edge <= k0);
    if (k0 >= k1) return;
    for (let pair = q0 - (q0 % TILE_ROWS); pair < q1; pair += TILE_ROWS) {
      const end = Math.min(k1, pair + TILE_ROWS);
      if (end <= k0) continue;
      rows.fill(pair, k0 - (k0 % TILE_COLUMNS), align(end));
      for (let i = Math.max(pair, q0); i < Math.min(pair + TILE_ROWS, q1); i++) {
        const offset = (i - pair) * rows.wide, stop = Math.min(k1, i + 1);
        if (stop <= k0) continue;
        this.weighSpan(i, offset, k0, stop);
        const values = this.rowsOf(offset);
        for (const [part, out] of Object.entries(pools)) poolSpan(...values[part], k0, stop, grid.colEdges, out, bins[i], first);
      }
    }
  }

  weighSpan(i, offset, start, stop) {
    const { scores, weights, lamScale, weighing, norms } = this, { content, importance } = this.rows;
    for (let j = start; j < stop; j++) {
      scores[j] = content[offset + j] + lamScale * importance[offset + j];
      weights[j] = weightOf(weighing, scores[j], i, norms[i]);
    }
  }
}

const emptyPools = (grid, parts) => Object.fromEntries(parts.map((part) => [part, grid.empty()]));

/** The pair of queries at the end of every bin. */
const lastPairs = (edges) => new Set(Array.from(edges.slice(1), (edge) => edge - 1 - ((edge - 1) % TILE_ROWS)));

/** Folds row i into its row of blocks; the first row that a block sees begins it anew. */
function foldRow(values, offset, i, grain, blocks) {
  const row = Math.floor(i / grain), start = rowStart(row), begins = i % grain === 0;
  for (let block = 0; block <= row; block++) {
    const stop = Math.min((block + 1) * grain, i + 1);
    let best = begins ? 0 : blocks[start + block], size = Math.abs(best);
    for (let j = block * grain; j < stop; j++) {
      const value = values[offset + j], a = Math.abs(value);
      if (a > size) { size = a; best = value; }
    }
    blocks[start + block] = best;
  }
}

/** Pools the blocks inside a part of the window that whole blocks cover. */
function poolBlocks(blocks, [q0, q1, k0, k1], grid, out) {
  const { grain } = grid, edges = grid.colEdges.map((edge) => Math.ceil(edge / grain));
  for (let bin = 0; bin < grid.rows; bin++) {
    const from = Math.max(grid.rowEdges[bin], q0) / grain, to = Math.min(grid.rowEdges[bin + 1], q1) / grain;
    for (let row = from; row < to; row++) {
      const stop = Math.min(k1 / grain, row + 1);
      if (stop > k0 / grain) poolSpan(blocks, rowStart(row), k0 / grain, stop, edges, out, bin, 0);
    }
  }
}
