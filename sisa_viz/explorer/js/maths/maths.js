// Scores of one head from its factors.
//
//   content_ij    = q_i·k_j / sqrt(d_head)
//   importance_ij = lam · exp(g_i − g_j) · c_i·b_j          g: anchored decay, nats
//   score_ij      = content_ij + s · importance_ij          s: lam_scale, 1 = trained
//   pattern_ij    = softmax over j ≤ i of score_ij, or what weights.js says instead
//
// Queries are rows, keys are columns, and only j ≤ i exists. Triangles are packed row after row:
// cell (i, j) lies at i(i+1)/2 + j.

import { FadingFactors } from "./decay.js";
import { align, interleaved, productRows, TILE_COLUMNS, TILE_ROWS } from "./tiles.js";
import { weigh, weightOf } from "./weights.js";

export const rowStart = (i) => (i * (i + 1)) / 2;

/** Rows of both products from a head's factors, two queries at a time. */
export class RowPairs {
  constructor(head) {
    const { n, d_head } = head;
    Object.assign(this, { d_head, d_state: head.d_state, wide: align(n), fading: new FadingFactors(head) });
    this.q = interleaved(head.q, d_head, TILE_ROWS);
    this.k = interleaved(head.k, d_head, TILE_COLUMNS);
    this.content = new Float32Array(TILE_ROWS * this.wide);
    this.importance = new Float32Array(TILE_ROWS * this.wide);
  }

  /** Writes the scores of queries i (even) and i + 1 with keys start … stop (whole tiles) into rows of `wide` numbers. */
  fill(i, start, stop) {
    const { wide, d_head, d_state, content, importance } = this, { blocks, keys, pair } = this.fading;
    productRows(this.q, i * d_head, this.k, d_head, start, stop, content, wide);
    for (let at = 0; at < blocks.length && blocks[at].start < stop; at++) {
      if (blocks[at].stop <= start) continue;
      this.fading.read(i, blocks[at]);
      productRows(pair, 0, keys, d_state, Math.max(blocks[at].start, start), Math.min(blocks[at].stop, stop), importance, wide);
    }
  }
}

/** Calls visit(i, content, importance, offset) for the queries from … stop − 1, or for every `stride`-th pair of them. */
export function eachRow(head, visit, { from = 0, stop = head.n, stride = 1 } = {}) {
  const rows = new RowPairs(head);
  for (let i = from - (from % TILE_ROWS); i < stop; i += TILE_ROWS * stride) {
    rows.fill(i, 0, align(i + TILE_ROWS));
    for (let r = 0; r < TILE_ROWS && i + r < stop; r++) {
      if (i + r >= from) visit(i + r, rows.content, rows.importance, r * rows.wide);
    }
  }
}

/**
 * Both products of a head as packed triangles, and where each is largest in size. Fresh memory costs a page fault
 * every 4 KB, so the triangles of `old`, if they have the size, are written over.
 */
export function productMaps(head, old = null) {
  const cells = rowStart(head.n), fits = old?.n === head.n;
  const [content, importance] = fits ? [old.content, old.importance] : [new Float32Array(cells), new Float32Array(cells)];
  const maps = { n: head.n, weighing: head.weighing, content, importance };
  maps.peaks = { content: newPeak(), importance: newPeak() };
  eachRow(head, (i, contentRows, importanceRows, offset) => {
    content.set(contentRows.subarray(offset, offset + i + 1), rowStart(i));
    importance.set(importanceRows.subarray(offset, offset + i + 1), rowStart(i));
    notePeak(maps.peaks.content, contentRows, offset, i);
    notePeak(maps.peaks.importance, importanceRows, offset, i);
  });
  return maps;
}

export const newPeak = () => ({ value: 0, query: 0, key: 0 });

/** Keeps the cell of row i that is largest in size, if it beats what `peak` holds. */
export function notePeak(peak, values, offset, i) {
  let best = Math.abs(peak.value), at = -1;
  for (let j = 0; j <= i; j++) {
    const size = Math.abs(values[offset + j]);
    if (size > best) { best = size; at = j; }
  }
  if (at >= 0) { peak.value = values[offset + at]; peak.query = i; peak.key = at; }
}

/**
 * One causal row: fills scores[j] and weights[j] for j ≤ i and returns {sum, norm}: what the weights wait to be divided
 * by (`weigh`), and the logarithm of what exp(score) is divided by.
 */
export function weighedRow(maps, content, importance, offset, i, lamScale, scores, weights) {
  let top = -Infinity;
  for (let j = 0; j <= i; j++) {
    const score = content[offset + j] + lamScale * importance[offset + j];
    scores[j] = score;
    if (score > top) top = score;
  }
  const sum = weigh(maps.weighing, scores, i, top, weights);
  return { sum, norm: top + Math.log(sum) };
}

/** The four numbers of every key that query i sees, without any L × L work. */
export function rowNumbers(head, i, lamScale) {
  const content = new Float32Array(i + 1), importance = new Float32Array(i + 1);
  for (let j = 0; j <= i; j++) {
    content[j] = contentAt(head, i, j);
    importance[j] = importanceAt(head, i, j);
  }
  const scores = new Float32Array(i + 1), weights = new Float32Array(i + 1);
  const { sum } = weighedRow(head, content, importance, 0, i, lamScale, scores, weights);
  return {
    content, scores,
    importance: importance.map((x) => lamScale * x),
    pattern: weights.map((x) => x / sum),
  };
}

/** The four numbers of one cell. norm: of query i's row, as weighedRow has it; where it is NaN, so is the pattern's. */
export function cellNumbers(head, i, j, lamScale, norm) {
  const content = contentAt(head, i, j), importance = lamScale * importanceAt(head, i, j), scores = content + importance;
  return { content, importance, scores, pattern: weightOf(head.weighing, scores, i, norm) };
}

/** The four numbers of key j for every query i ≥ j that sees it, at [i − j]. norms[i]: `norm` of query i's row. */
export function columnNumbers(head, j, lamScale, norms) {
  const count = head.n - j;
  const [content, importance, scores, pattern] = [0, 1, 2, 3].map(() => new Float32Array(count));
  for (let at = 0; at < count; at++) {
    const cell = cellNumbers(head, j + at, j, lamScale, norms[j + at]);
    content[at] = cell.content;
    importance[at] = cell.importance;
    scores[at] = cell.scores;
    pattern[at] = cell.pattern;
  }
  return { content, importance, scores, pattern };
}

const contentAt = (head, i, j) => dot(head.q, head.k, head.d_head, i, j);
const importanceAt = (head, i, j) => (head.d_state
  ? Math.exp(head.decay[i] - head.decay[j]) * dot(head.c, head.b, head.d_state, i, j)
  : 0);

function dot(a, b, width, i, j) {
  let sum = 0;
  for (let d = 0; d < width; d++) sum += a[i * width + d] * b[j * width + d];
  return sum;
}
