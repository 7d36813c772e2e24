// Windows on the map: how a zoom resizes one, how it moves, and which cells share a pixel of the picture.
// A window is [query start, query stop, key start, key stop], half-open positions.

import { binEdges } from "./pool.js";

/** `window` at `factor` of its size, `place` {query, key} in its middle; null where that is the whole map. */
export function zoomed([q0, q1, k0, k1], { query, key }, factor, n) {
  return unlessWhole([...resized(q0, q1, query, factor, n), ...resized(k0, k1, key, factor, n)], n);
}

/** `window` at `factor` of its size; `place` {query, key} stays where it is on the screen. */
export function zoomedAt([q0, q1, k0, k1], { query, key }, factor, n) {
  const [row, column] = [(query - q0) / (q1 - q0), (key - k0) / (k1 - k0)];
  return unlessWhole([...resized(q0, q1, query, factor, n, row), ...resized(k0, k1, key, factor, n, column)], n);
}

/** [start, stop) scaled, `place` at `share` of it, kept inside 0 … n and at least two positions long. */
export function resized(start, stop, place, factor, n, share = 0.5) {
  const length = Math.min(n, Math.max(2, Math.round((stop - start) * factor)));
  return held(place - share * length, length, n);
}

/** `window` moved by whole positions, no further than the map goes. */
export function moved([q0, q1, k0, k1], rows, columns, n) {
  return unlessWhole([...held(q0 + rows, q1 - q0, n), ...held(k0 + columns, k1 - k0, n)], n);
}

function held(start, length, n) {
  const from = Math.round(Math.max(0, Math.min(n - length, start)));
  return [from, from + length];
}

function unlessWhole(window, n) {
  const [q0, q1, k0, k1] = window;
  return q1 - q0 === n && k1 - k0 === n ? null : window;
}

/** What a zoom without a pointer goes to: `cell` if there is one, else the middle, or the diagonal where that is empty. */
export function middleOf([q0, q1, k0, k1], cell) {
  if (cell) return { query: cell.query + 0.5, key: cell.key + 0.5 };
  const query = (q0 + q1) / 2, key = (k0 + k1) / 2, diagonal = (query + key) / 2;
  return key <= query ? { query, key } : { query: diagonal, key: diagonal };
}

/** The cells that share the picture's pixel with `cell`: [query start, stop, key start, stop). picture: {rows, cols, grain} */
export function blockAround({ query, key }, [q0, q1, k0, k1], { rows, cols, grain }) {
  return [...binAround(query, binEdges(q0, q1, rows, grain)), ...binAround(key, binEdges(k0, k1, cols, grain))];
}

function binAround(position, edges) {
  const bin = edges.findLastIndex((edge) => edge <= position);
  return [edges[bin], edges[bin + 1]];
}
