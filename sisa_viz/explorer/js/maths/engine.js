// The work of the Web Worker: scores of one head as pictures, and one summary a head for the grid.
// Everything here runs as well without a worker.

import { lookupTable, paint } from "./colour.js";
import { decodeHead } from "./decode.js";
import { HeadPair } from "./difference.js";
import { eachRow, productMaps, rowNumbers, weighedRow } from "./maths.js";
import { Grid, poolMap, poolRow, poolScores } from "./pool.js";
import { WEIGHTS } from "./weights.js";

export const PARTS = ["content", "importance", "scores", "pattern"];
const SAMPLED_ROWS = 2048; // a head's summary visits at most about this many queries

/** Answers requests one after another and keeps what the next one can use again. */
export class Engine {
  /** request: {job, ...} → answer, an object whose `transfer` lists the buffers that may move. */
  answer(request) {
    if (request.job === "difference") return (this.pair ??= new HeadPair()).answer(request);
    return request.job === "summary" ? summarise(request) : this.view(request);
  }

  /**
   * request: {key, bytes?, spec, lam, lamScale, window, rows, cols, colours, contrast, least?}
   * answer: {pictures: {part: pixels}, rows, cols, limits, peaks, norms}; norms[i] as weighedRow has it for query i
   * `bytes` comes along only when `key` names a head that this engine does not hold; `least` are limits of colours
   * that another run of the text had.
   */
  view(request) {
    this.useHead(request);
    this.usePools(request);
    const { lamScale, contrast } = request;
    const kind = WEIGHTS[this.maps.weighing.score], limits = colourLimits(this.peaks, lamScale, kind, request.least);
    const signed = limits.signed / contrast, top = limits.pattern / contrast;
    const table = this.tables(request.colours);
    const pictures = {
      content: paint(this.pools.content, -signed, signed, table.signed),
      importance: paint(this.pools.importance, -signed, signed, table.signed, lamScale),
      scores: paint(this.pools.scores, -signed, signed, table.signed),
      pattern: kind.signed ? paint(this.pools.pattern, -signed, signed, table.signed) : paint(this.pools.pattern, 0, top, table.pattern),
    };
    const { rows, cols } = this.grid;
    const transfer = PARTS.map((part) => pictures[part].buffer);
    return { pictures, rows, cols, limits, peaks: scaledPeaks(this.peaks, lamScale), norms: this.norms, transfer };
  }

  useHead({ key, bytes, spec, lam }) {
    if (key === this.key) return;
    this.key = null; // the old triangles are written over
    this.maps = productMaps(decodeHead(bytes, spec, lam), this.maps);
    this.key = key;
    this.peaks = { ...this.maps.peaks };
    this.gridKey = this.peaksScale = null;
  }

  /** Products are pooled once a window; a λ step pools scores and pattern alone. */
  usePools({ window, rows, cols, lamScale }) {
    const gridKey = [...window, rows, cols].join();
    if (gridKey !== this.gridKey) {
      this.grid = new Grid(window, rows, cols);
      this.pools = { content: poolMap(this.maps.content, this.grid), importance: poolMap(this.maps.importance, this.grid) };
      this.gridKey = gridKey;
      this.scoresKey = null;
    }
    if (lamScale === this.scoresKey) return;
    const { scores, pattern, peaks, norms } = poolScores(this.maps, lamScale, this.grid, lamScale !== this.peaksScale);
    Object.assign(this.pools, { scores, pattern });
    if (peaks) {
      Object.assign(this.peaks, peaks);
      this.norms = norms;
    }
    this.scoresKey = this.peaksScale = lamScale;
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
