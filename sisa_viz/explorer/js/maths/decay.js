// exp(g_i − g_j) c_i·b_j as a product of two rows, however far g falls.
//
// A float64 ends at e^709, a running decay may fall by thousands of nats. So keys form blocks inside which g
// falls by at most SPAN: in a block with the anchor a, a key is exp(a − g_j) b_j, a query exp(g_i − a) c_i.

import { interleaved, scaledRows, TILE_COLUMNS, TILE_ROWS } from "./tiles.js";

const SPAN = 600; // nats
const STEEP = 150; // nats; what fades so far in one step is 0 in a float32, so a longer step is cut to this

/**
 * steps: g with every step cut to STEEP; blocks: {start, stop, anchor} of whole tiles, anchor the last g inside.
 * A tile of four keys falls by 3 · STEEP < SPAN at most.
 */
export function keyBlocks(decay) {
  const n = decay.length, steps = Float64Array.from(decay), blocks = [];
  for (let t = 1; t < n; t++) steps[t] = steps[t - 1] + Math.max(-STEEP, decay[t] - decay[t - 1]);
  for (let start = 0; start < n; start += TILE_COLUMNS) {
    const stop = start + TILE_COLUMNS, anchor = steps[Math.min(stop, n) - 1], open = blocks.at(-1);
    if (open && steps[open.start] - anchor <= SPAN) Object.assign(open, { stop, anchor });
    else blocks.push({ start, stop, anchor });
  }
  return { steps, blocks };
}

/** `keys`, interleaved, hold the whole head; `pair` holds two queries as one block of keys meets them. */
export class FadingFactors {
  constructor({ d_state, decay, b, c }) {
    const { steps, blocks } = keyBlocks(decay);
    const anchors = blocks.flatMap(({ start, stop, anchor }) => Array(stop - start).fill(anchor));
    const faded = scaledRows(b, d_state, steps.length, (t) => Math.exp(anchors[t] - steps[t]));
    Object.assign(this, { d_state, steps, blocks });
    this.keys = interleaved(faded, d_state, TILE_COLUMNS);
    this.queries = interleaved(c, d_state, TILE_ROWS);
    this.pair = new Float64Array(TILE_ROWS * d_state);
  }

  /** Fills `pair` with queries i and i + 1; past the last query there is none, and its row is zero. */
  read(i, { anchor }) {
    const { steps, pair, queries } = this, from = i * this.d_state;
    const first = Math.exp(steps[i] - anchor), second = i + 1 < steps.length ? Math.exp(steps[i + 1] - anchor) : 0;
    for (let at = 0; at < pair.length; at += TILE_ROWS) {
      pair[at] = queries[from + at] * first;
      pair[at + 1] = queries[from + at + 1] * second;
    }
  }
}
