// All heads at once: small maps of every head for one window and λ, and one measure or two a head.

import { decodeHead } from "./decode.js";
import { eachRow, rowNumbers, weighedRow } from "./maths.js";
import { Grid, poolRow } from "./pool.js";

export const PARTS = ["content", "importance", "scores", "pattern"];
const SAMPLED_ROWS = 2048; // a summary visits at most about this many queries

/**
 * request: {bytes, spec, lam, window, lamScale, size, measures: {needle: [start, stop] or null, needleQuery} or null}
 * answer: {maps: {part: bins}, norms, rows, cols, moved?, needleMass?}. Maps are of the window at lamScale, importance
 * times it; norms[i] as weighedRow has it, NaN for queries that were not visited. The measures, which come where they
 * are asked for, are of the whole map at the trained λ:
 * moved: mean over queries of Σ_j |w − w without importance| / Σ_j (|w| + |w without|), with softmax a probability.
 * needleMass: the needle's share of |w|, with softmax its probability.
 */
export function summarise({ bytes, spec, lam, window, lamScale, size, measures }) {
  const head = decodeHead(bytes, spec, lam), { n } = head, [from, stop] = window;
  const maps = new HeadMaps(head, window, lamScale, size), moved = measures && new MovedWeights(head);
  const sampled = (span, ...all) => {
    const stride = Math.ceil((span.stop - span.from) / SAMPLED_ROWS);
    eachRow(head, (...row) => all.forEach((each) => each.add(...row)), { ...span, stride });
  };
  const isWhole = stop - from === n;
  if (moved) sampled({ from: 0, stop: n }, moved, ...(isWhole ? [maps] : []));
  if (!moved || !isWhole) sampled({ from, stop }, maps);
  const { pools, norms, grid: { rows, cols } } = maps;
  return {
    ...(moved && { moved: moved.mean, needleMass: measures.needle && spanMass(head, measures.needle, measures.needleQuery) }),
    maps: pools, norms, rows, cols, transfer: [norms.buffer, ...PARTS.map((part) => pools[part].buffer)],
  };
}

function spanMass(head, [start, stop], query) {
  const { pattern } = rowNumbers(head, query, 1);
  const mass = (weights) => weights.reduce((sum, w) => sum + Math.abs(w), 0);
  return mass(pattern.subarray(start, stop)) / (mass(pattern) || 1);
}

class HeadMaps {
  constructor(head, window, lamScale, size) {
    Object.assign(this, { head, lamScale, grid: new Grid(window, size, size), bin: 0 });
    this.pools = Object.fromEntries(PARTS.map((part) => [part, this.grid.empty()]));
    this.norms = new Float64Array(head.n).fill(NaN);
    [this.scores, this.weights, this.scaled] = [0, 1, 2].map(() => new Float32Array(head.n));
  }

  add(i, content, importance, offset) {
    const { head, lamScale, scores, weights, scaled, pools, grid: { rowEdges, colEdges } } = this;
    const { sum, norm } = weighedRow(head, content, importance, offset, i, lamScale, scores, weights);
    this.norms[i] = norm;
    for (let j = 0; j <= i; j++) {
      weights[j] /= sum;
      scaled[j] = lamScale * importance[offset + j];
    }
    while (rowEdges[this.bin + 1] <= i) this.bin++;
    poolRow(content, offset, i, colEdges, pools.content, this.bin);
    poolRow(scaled, 0, i, colEdges, pools.importance, this.bin);
    poolRow(scores, 0, i, colEdges, pools.scores, this.bin);
    poolRow(weights, 0, i, colEdges, pools.pattern, this.bin);
  }
}

class MovedWeights {
  constructor(head) {
    Object.assign(this, { head, all: 0, queries: 0 });
    [this.scores, this.weights, this.plain] = [0, 1, 2].map(() => new Float32Array(head.n));
  }

  add(i, content, importance, offset) {
    const { head, scores, weights, plain } = this;
    const { sum: without } = weighedRow(head, content, importance, offset, i, 0, scores, plain);
    const { sum } = weighedRow(head, content, importance, offset, i, 1, scores, weights);
    let moved = 0, all = 0;
    for (let j = 0; j <= i; j++) {
      const weight = weights[j] / sum, bare = plain[j] / without;
      moved += Math.abs(weight - bare);
      all += Math.abs(weight) + Math.abs(bare);
    }
    this.all += moved / (all || 1);
    this.queries += 1;
  }

  get mean() {
    return this.all / this.queries;
  }
}
