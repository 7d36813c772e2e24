// The work of the Web Worker: scores of one head as pictures, and small maps of all.
// Everything here runs as well without a worker.

import { lookupTable, paint } from "./colour.js";
import { decodeHead } from "./decode.js";
import { HeadPair } from "./difference.js";
import { largestShown } from "./pool.js";
import { Pyramid } from "./pyramid.js";
import { PARTS, summarise } from "./summary.js";
import { Triangles } from "./triangles.js";
import { WEIGHTS } from "./weights.js";

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
   * request: {key, bytes?, spec, lam, lamScale, window, rows, cols, colours, contrast, least?, ofWindow?}
   * answer: {pictures: {part: pixels}, rows, cols, grain, limits, peaks, norms, exact, drawn?}; norms[i] as weighedRow
   * has it for query i. Where `exact` is false, the picture comes from `drawn` of the window's queries, and the norms of
   * queries that were not computed yet are NaN.
   * `bytes` comes along only when `key` names a head that this engine does not hold; `least` are limits of colours
   * that another run of the text had, `ofWindow` asks for those of what the window shows.
   */
  view(request) {
    this.useHead(request);
    const { lamScale, contrast } = request, { grid, pools, peaks, ...rest } = this.maps.view(request);
    const kind = WEIGHTS[this.maps.weighing.score];
    const limits = request.ofWindow ? windowLimits(pools, grid, request, kind) : colourLimits(peaks, lamScale, kind, request.least);
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

/** The same of what a window shows, so that little differences in it are seen. */
function windowLimits(pools, grid, { lamScale, window, spec }, kind) {
  const [content, importance, scores, pattern] = PARTS.map((part) => largestShown(pools[part], grid, window, spec.n, part === "pattern" && !kind.signed));
  return { signed: Math.max(content, lamScale * importance, scores), pattern };
}

function scaledPeaks(peaks, lamScale) {
  return { ...peaks, importance: { ...peaks.importance, value: lamScale * peaks.importance.value } };
}
