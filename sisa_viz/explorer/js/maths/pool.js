// Level of detail: a map of any size becomes at most rows × cols bins, and each bin keeps its cell that is
// largest in size, sign included. Every visible cell lies in exactly one bin, so no spike is ever lost.

import { newPeak, notePeak, rowStart, weighedRow } from "./maths.js";
import { WEIGHTS } from "./weights.js";

/**
 * Bin edges: bin b covers positions edges[b] … edges[b + 1] − 1. Never more bins than positions. Edges inside the
 * window are multiples of `grain`; a window has at most one bin for every `grain` positions.
 */
export function binEdges(start, stop, wanted, grain = 1) {
  const length = stop - start, count = Math.max(1, Math.min(wanted, Math.floor(length / grain)));
  const edge = (b) => start + Math.floor((b * length) / count);
  return Int32Array.from({ length: count + 1 }, (_, b) => (b === 0 || b === count ? edge(b) : edge(b) - (edge(b) % grain)));
}

/** The bin of each query row, −1 outside the window. */
export function binOfRow(edges, n) {
  const bins = new Int32Array(n).fill(-1);
  for (let b = 0; b + 1 < edges.length; b++) bins.fill(b, edges[b], edges[b + 1]);
  return bins;
}

export class Grid {
  constructor(window, rows, cols, grain = 1) {
    const [q0, q1, k0, k1] = window;
    this.grain = grain;
    this.rowEdges = binEdges(q0, q1, rows, grain);
    this.colEdges = binEdges(k0, k1, cols, grain);
    this.rows = this.rowEdges.length - 1;
    this.cols = this.colEdges.length - 1;
  }

  empty() {
    return new Float32Array(this.rows * this.cols).fill(NaN);
  }
}

/** Folds row i (cells values[offset + j], j ≤ i) into one row of bins, keeping the largest in size. */
export function poolRow(values, offset, i, edges, out, outRow) {
  poolSpan(values, offset, edges[0], i + 1, edges, out, outRow, 0);
}

/** The same for cells start … stop − 1 alone; `first` is the bin that holds the first of them. */
export function poolSpan(values, offset, start, stop, edges, out, outRow, first) {
  const bins = edges.length - 1;
  for (let b = first; b < bins && edges[b] < stop; b++) {
    const end = Math.min(edges[b + 1], stop);
    const held = out[outRow * bins + b];
    let best = held, size = held === held ? Math.abs(held) : -1;
    for (let j = Math.max(edges[b], start); j < end; j++) {
      const value = values[offset + j], a = Math.abs(value);
      if (a > size) { size = a; best = value; }
    }
    out[outRow * bins + b] = best;
  }
}

/** A packed triangle as bins. */
export function poolMap(map, grid) {
  const out = grid.empty();
  for (let r = 0; r < grid.rows; r++) {
    for (let i = grid.rowEdges[r]; i < grid.rowEdges[r + 1]; i++) poolRow(map, rowStart(i), i, grid.colEdges, out, r);
  }
  return out;
}

/**
 * Scores and pattern at one λ, pooled. With `wantPeaks` every row of the head is visited, for its norm and so that
 * colour ranges do not depend on the window; without it only the window's rows are.
 */
export function poolScores(maps, lamScale, grid, wantPeaks) {
  const { n } = maps, { signed } = WEIGHTS[maps.weighing.score];
  const scores = grid.empty(), pattern = grid.empty();
  const peaks = wantPeaks ? { scores: newPeak(), pattern: newPeak(), late: 0 } : null;
  const norms = peaks && new Float64Array(n);
  const scoreRow = new Float32Array(n), weightRow = new Float32Array(n);
  const bins = binOfRow(grid.rowEdges, n);
  for (let i = 0; i < n; i++) {
    if (bins[i] < 0 && !peaks) continue;
    const { sum, norm } = weighedRow(maps, maps.content, maps.importance, rowStart(i), i, lamScale, scoreRow, weightRow);
    if (peaks) {
      norms[i] = norm;
      notePeaks(peaks, maps.weighing, scoreRow, weightRow, sum, i, n);
    }
    if (bins[i] < 0) continue;
    poolRow(scoreRow, 0, i, grid.colEdges, scores, bins[i]);
    if (signed) poolRow(weightRow, 0, i, grid.colEdges, pattern, bins[i]);
    else poolScaled(weightRow, 1 / sum, i, grid.colEdges, pattern, bins[i]);
  }
  return { scores, pattern, peaks, norms };
}

/**
 * The largest weight of a softmax row is 1, so its largest probability is 1/sum: scan the row only if that is a record.
 * Query 0 sees one key, with probability 1, and is left out. Early queries see few keys and so have large
 * probabilities in any head: `late` is the largest one after the first eighth, and colours go by it.
 */
export function notePeaks(peaks, { score }, scoreRow, weightRow, sum, i, n) {
  notePeak(peaks.scores, scoreRow, 0, i);
  if (score !== "softmax") return notePeak(peaks.pattern, weightRow, 0, i);
  if (8 * i >= n) peaks.late = Math.max(peaks.late, 1 / sum);
  if (i === 0 || 1 / sum <= peaks.pattern.value) return;
  Object.assign(peaks.pattern, { value: 1 / sum, query: i, key: largestAt(weightRow, i) });
}

function largestAt(values, last) {
  let at = 0;
  for (let j = 1; j <= last; j++) if (values[j] > values[at]) at = j;
  return at;
}

/** Like poolRow for values ≥ 0 that still wait for a factor. */
function poolScaled(values, factor, i, edges, out, outRow) {
  const bins = edges.length - 1;
  for (let b = 0; b < bins && edges[b] <= i; b++) {
    const stop = Math.min(edges[b + 1], i + 1);
    let best = 0;
    for (let j = edges[b]; j < stop; j++) if (values[j] > best) best = values[j];
    const at = outRow * bins + b;
    const held = out[at] >= 0 ? out[at] : 0;
    out[at] = Math.max(held, best * factor);
  }
}

/**
 * The largest size in the bins of a window, 1 where there is none. Of probabilities it is that of queries after the
 * first eighth of all n, if some are in the window: earlier ones see few keys and are large in any head.
 */
export function largestShown(bins, { rows, cols }, [q0, q1], n, isProbability) {
  const early = isProbability ? Math.ceil(((n / 8 - q0) * rows) / (q1 - q0)) : 0;
  const counted = bins.subarray(early > 0 && early < rows ? early * cols : 0);
  return counted.reduce((most, x) => (x === x ? Math.max(most, Math.abs(x)) : most), 0) || 1;
}
