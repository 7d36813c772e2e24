// Both products of a head, two query rows at a time, in any order.

import { FadingFactors } from "./decay.js";
import { align, interleaved, productRows, TILE_COLUMNS, TILE_ROWS } from "./tiles.js";

export class HeadRows {
  constructor(head) {
    const { n, d_head, d_state } = head;
    Object.assign(this, { n, d_head, d_state, wide: align(n), at: -1 });
    this.q = interleaved(head.q, d_head, TILE_ROWS);
    this.k = interleaved(head.k, d_head, TILE_COLUMNS);
    this.fading = new FadingFactors(head);
    this.content = new Float32Array(TILE_ROWS * this.wide);
    this.importance = new Float32Array(TILE_ROWS * this.wide);
  }

  /** Row i lies in `content` and `importance` from the number on that comes back; the rows of the last call are gone. */
  read(i) {
    const start = i - (i % TILE_ROWS);
    if (start !== this.at) this.multiply(start);
    return (i - start) * this.wide;
  }

  multiply(i) {
    const { d_head, d_state, wide, fading } = this, stop = align(i + TILE_ROWS), { blocks, keys, pair } = fading;
    productRows(this.q, i * d_head, this.k, d_head, 0, stop, this.content, wide);
    for (let at = 0; at < blocks.length && blocks[at].start < stop; at++) {
      fading.read(i, blocks[at]);
      productRows(pair, 0, keys, d_state, blocks[at].start, Math.min(blocks[at].stop, stop), this.importance, wide);
    }
    this.at = i;
  }
}
