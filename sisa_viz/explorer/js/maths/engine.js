// The work of the Web Worker: scores of one head as pictures, and one summary a head for the grid.
// Everything here runs as well without a worker.

import { lookupTable, paint } from "./colour.js";
import { decodeHead } from "./decode.js";
import { HeadPair } from "./difference.js";
import { eachRow, rowNumbers, weighedRow } from "./maths.js";
import { Grid, poolRow } from "./pool.js";
import { Pyramid } from "./pyramid.js";
import { Triangles } from "./triangles.js";
import { WEIGHTS } from "./weights.js";

export const PARTS = ["content", "importance", "scores", "pattern"];
const SAMPLED_ROWS = 2048; // a head's summary visits at most about this many queries

// Up to `triangles` tokens the products are kept whole (2 × 134 MB at 8,192); pyramid.js says what the others are.
const SIZES = { triangles: 8192, cells: 2 ** 21, slice: 30 };

/** Answers requests one after another and keeps what the next one can use again. */
export class Engine {
  constructor(sizes = SIZES) {
    this.sizes = sizes;
  }

  /** request: {job, ...} → answer, an object whose `transfer` lists the buffers that may move. */
  answer(request) {
    if (request.job === "difference") return (this.pair ??= new HeadPair()).answer(request);
    if (request.job === "summary") return summarise(request);
    return request.job === "refine" ? this.refine(request) : this.view(request);
  }

  /** request: {key} of the head on show → {exact}: false while there is more to do for it. */
  refine({ key }) {
    if (key !== this.key) throw new Error("another head is on show");
    return { exact: this.maps.refine() };
  }

  /**
   * request: {key, bytes?, spec, lam, lamScale, window, rows, cols, colours, contrast, least?}
   * answer: {pictures: {part: pixels}, rows, cols, grain, limits, peaks, norms, exact, drawn?}; norms[i] as weighedRow
   * has it for query i. Where `exact` is false, the picture comes from `drawn` of the window's queries, and the norms of
   * queries that were not computed yet are NaN.
   * `bytes` comes along only when `key` names a head that this engine does not hold; `least` are limits of colours
   * that another run of the text had.
   */
  view(request) {
    this.useHead(request);
    const { lamScale, contrast } = request, { grid, pools, peaks, ...rest } = this.maps.view(request);
    const kind = WEIGHTS[this.maps.weighing.score], limits = colourLimits(peaks, lamScale, kind, request.least);
    const signed = limits.signed / contrast, top = limits.pattern / contrast;
    const table = this.tables(request.colours);
    const pictures = {
      content: paint(pools.content, -signed, signed, table.signed),
      importance: paint(pools.importance, -signed, signed, table.signed, lamScale),
      scores: paint(pools.scores, -signed, signed, table.signed),
      pattern: kind.signed ? paint(pools.pattern, -signed, signed, table.signed) : paint(pools.pattern, 0, top, table.pattern),
    };
    const { rows, cols, grain } = grid, transfer = PARTS.map((part) => pictures[part].buffer);
    return { pictures, rows, cols, grain, limits, peaks: scaledPeaks(peaks, lamScale), ...rest, transfer };
  }

  useHead({ key, bytes, spec, lam }) {
    if (key === this.key) return;
    this.key = null; // the old numbers are written over
    const head = decodeHead(bytes, spec, lam);
    this.maps = spec.n > this.sizes.triangles ? new Pyramid(head, this.maps, this.sizes) : new Triangles(head, this.maps);
    this.key = key;
  }

  tables(colours) {
    const key = JSON.stringify(colours);
    if (key !== this.tableKey) {
      this.table = { signed: lookupTable(colours.signed), pattern: lookupTable(colours.pattern) };
      this.tableKey = key;
    }
    return this.table;
  }
}

/** One symmetric limit for the signed panels, so that their colours compare; probabilities start at 0. */
export function colourLimits(peaks, lamScale, { top }, least = { signed: 0, pattern: 0 }) {
  const sizes = [peaks.content.value, lamScale * peaks.importance.value, peaks.scores.value].map(Math.abs);
  return { signed: Math.max(...sizes, least.signed) || 1, pattern: top ?? (Math.max(peaks.late, least.pattern) || 1) };
}

function scaledPeaks(peaks, lamScale) {
  return { ...peaks, importance: { ...peaks.importance, value: lamScale * peaks.importance.value } };
}

/**
 * request: {bytes, spec, lam, size, needle: [start, stop] or null, needleQuery}
 * answer: {moved, needleMass, thumbnails: {part: bins of a square}}, all at the trained λ.
 * moved: mean over queries of Σ_j |w − w without importance| / Σ_j (|w| + |w without|), with softmax a probability.
 * needleMass: the needle's share of |w|, with softmax its probability.
 */
export function summarise({ bytes, spec, lam, size, needle, needleQuery }) {
  const head = decodeHead(bytes, spec, lam);
  const summary = new HeadSummary(head, size);
  const stride = Math.ceil(head.n / SAMPLED_ROWS);
  eachRow(head, (i, content, importance, offset) => summary.add(i, content, importance, offset), stride);
  const { thumbnails } = summary;
  return {
    moved: summary.moved / summary.queries,
    needleMass: needle && spanMass(head, needle, needleQuery),
    thumbnails,
    transfer: PARTS.map((part) => thumbnails[part].buffer),
  };
}

function spanMass(head, [start, stop], query) {
  const { pattern } = rowNumbers(head, query, 1);
  const mass = (weights) => weights.reduce((sum, w) => sum + Math.abs(w), 0);
  return mass(pattern.subarray(start, stop)) / (mass(pattern) || 1);
}

class HeadSummary {
  constructor(head, size) {
    const { n } = this.head = head;
    this.grid = new Grid([0, n, 0, n], size, size);
    this.thumbnails = Object.fromEntries(PARTS.map((part) => [part, this.grid.empty()]));
    [this.scores, this.weights, this.plain] = [0, 1, 2].map(() => new Float32Array(n));
    this.moved = this.queries = this.bin = 0;
  }

  add(i, content, importance, offset) {
    const { head, scores, weights, plain } = this;
    const { sum: without } = weighedRow(head, content, importance, offset, i, 0, scores, plain);
    const { sum } = weighedRow(head, content, importance, offset, i, 1, scores, weights);
    let moved = 0, all = 0;
    for (let j = 0; j <= i; j++) {
      weights[j] /= sum;
      plain[j] /= without;
      moved += Math.abs(weights[j] - plain[j]);
      all += Math.abs(weights[j]) + Math.abs(plain[j]);
    }
    this.moved += moved / (all || 1);
    this.queries += 1;
    this.pool(i, content, importance, offset);
  }

  pool(i, content, importance, offset) {
    const { rowEdges, colEdges } = this.grid, { thumbnails } = this;
    while (rowEdges[this.bin + 1] <= i) this.bin++;
    poolRow(content, offset, i, colEdges, thumbnails.content, this.bin);
    poolRow(importance, offset, i, colEdges, thumbnails.importance, this.bin);
    poolRow(this.scores, 0, i, colEdges, thumbnails.scores, this.bin);
    poolRow(this.weights, 0, i, colEdges, thumbnails.pattern, this.bin);
  }
}
