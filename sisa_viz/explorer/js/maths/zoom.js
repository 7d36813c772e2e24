// Windows on the map: how a zoom resizes one, and which cells share a pixel of the picture.
// A window is [query start, query stop, key start, key stop], half-open positions.

/** `window` around the locked query, or its middle, at `factor` of its size; null where that is the whole map. */
export function zoomed([q0, q1, k0, k1], query, factor, n) {
  const rows = resized(q0, q1, query ?? (q0 + q1) / 2, factor, n);
  const cols = resized(k0, k1, (k0 + k1) / 2, factor, n);
  const whole = rows[1] - rows[0] === n && cols[1] - cols[0] === n;
  return whole ? null : [...rows, ...cols];
}

/** [start, stop) scaled around `centre`, kept inside 0 … n and at least two positions long. */
export function resized(start, stop, centre, factor, n) {
  const length = Math.min(n, Math.max(2, Math.round((stop - start) * factor)));
  const from = Math.round(Math.max(0, Math.min(n - length, centre - length / 2)));
  return [from, from + length];
}

/** The cells that share the picture's pixel with `cell`: [query start, stop, key start, stop). */
export function blockAround({ query, key }, [q0, q1, k0, k1], pixels) {
  return [...binAround(query, q0, q1, pixels), ...binAround(key, k0, k1, pixels)];
}

/** The bin of binEdges(start, stop, wanted) that holds a position. */
function binAround(position, start, stop, wanted) {
  const length = stop - start, bins = Math.max(1, Math.min(wanted, length));
  const bin = Math.floor(((position - start + 1) * bins - 1) / length);
  return [start + Math.floor((bin * length) / bins), start + Math.floor(((bin + 1) * length) / bins)];
}
