// A product of two factors in tiles of 2 × 4 sums, which with their 6 factors fit into a processor's registers.

export const TILE_ROWS = 2;
export const TILE_COLUMNS = 4;

export const align = (count) => Math.ceil(count / TILE_COLUMNS) * TILE_COLUMNS;

/** The first n rows of [row, width], each times its own number, and zero rows up to whole tiles. */
export function scaledRows(values, width, n, factor) {
  const out = new Float64Array(align(n) * width);
  for (let t = 0; t < n; t++) {
    const scale = factor(t);
    for (let d = 0; d < width; d++) out[t * width + d] = values[t * width + d] * scale;
  }
  return out;
}

/** [row, width] regrouped as [row / count, width, count], so that a tile's factors lie side by side. */
export function interleaved(values, width, count) {
  const out = new Float64Array(values.length);
  for (let start = 0; start < values.length; start += count * width) {
    for (let r = 0; r < count; r++) {
      for (let d = 0; d < width; d++) out[start + d * count + r] = values[start + r * width + d];
    }
  }
  return out;
}

/**
 * Two rows of a·bᵀ at once, columns start … stop (whole tiles): out[r·stride + j] = a_r·b_j.
 * `a` is interleaved by two, its rows begin at `from`; `b` is interleaved by four.
 */
export function productRows(a, from, b, width, start, stop, out, stride) {
  const end = from + TILE_ROWS * width;
  for (let j = start; j < stop; j += TILE_COLUMNS) {
    let s00 = 0, s01 = 0, s02 = 0, s03 = 0, s10 = 0, s11 = 0, s12 = 0, s13 = 0;
    for (let p = from, r = j * width; p < end; p += TILE_ROWS, r += TILE_COLUMNS) {
      const x0 = a[p], x1 = a[p + 1];
      const y0 = b[r], y1 = b[r + 1], y2 = b[r + 2], y3 = b[r + 3];
      s00 += x0 * y0; s01 += x0 * y1; s02 += x0 * y2; s03 += x0 * y3;
      s10 += x1 * y0; s11 += x1 * y1; s12 += x1 * y2; s13 += x1 * y3;
    }
    out[j] = s00; out[j + 1] = s01; out[j + 2] = s02; out[j + 3] = s03;
    const o = j + stride;
    out[o] = s10; out[o + 1] = s11; out[o + 2] = s12; out[o + 3] = s13;
  }
}
