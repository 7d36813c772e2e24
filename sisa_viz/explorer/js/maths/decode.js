// Factors of one head from the bytes of a packed trace.

import { scaledRows } from "./tiles.js";

/** Bytes of one head in a packed trace (pack.py writes them and says what they hold). */
export function blockBytes({ n, d_head, d_state, encoding }) {
  const width = 2 * (d_head + d_state), decay = d_state ? n : 0;
  return encoding === "fixed16" ? 2 * width * n + width + (decay ? 3 * n + 1 : 0) : 4 * width * n + 4 * decay;
}

/**
 * spec: {n, d_head, d_state, encoding, weighing: {score, bias}}
 * Factors of one head as Float64Arrays, rows padded to whole tiles, and its decay.
 * Scale and λ are folded in: content_ij = q_i·k_j and importance_ij = exp(decay_i − decay_j) c_i·b_j.
 */
export function decodeHead(bytes, spec, lam) {
  const expected = blockBytes(spec);
  if (bytes.byteLength !== expected) {
    throw new Error(`the data of one head has ${bytes.byteLength} bytes, expected ${expected}`);
  }
  const { n, d_head, d_state, weighing } = spec;
  const raw = (spec.encoding === "fixed16" ? readFixed : readFloats)(bytes.slice().buffer, spec);
  return {
    n, d_head, d_state, weighing,
    q: scaledRows(raw.q, d_head, n, () => 1 / Math.sqrt(d_head)),
    k: scaledRows(raw.k, d_head, n, () => 1),
    b: scaledRows(raw.b, d_state, n, () => 1),
    c: scaledRows(raw.c, d_state, n, () => lam),
    decay: Float64Array.from(raw.decay),
  };
}

function readFloats(buffer, { n, d_head, d_state }) {
  let at = 0;
  const next = (count) => new Float32Array(buffer, (at += 4 * count) - 4 * count, count);
  const decay = next(d_state ? n : 0);
  return { decay, q: next(n * d_head), k: next(n * d_head), b: next(n * d_state), c: next(n * d_state) };
}

const counted = (power) => 2 ** (power / 4);

/** Integers times a power of 2^¼: 16 bits and one power a channel; the decay has 24 bits and one power. */
function readFixed(buffer, { n, d_head, d_state }) {
  let at = 0;
  const next = (Type, count) => {
    const out = new Type(buffer, at, count);
    at += out.byteLength;
    return out;
  };
  const decays = d_state ? n : 0, widths = [d_head, d_head, d_state, d_state];
  const low = next(Uint16Array, decays);
  const whole = widths.map((width) => next(Int16Array, n * width));
  const high = next(Int8Array, decays);
  const decayStep = d_state ? counted(next(Int8Array, 1)[0]) : 0;
  const steps = widths.map((width) => Float64Array.from(next(Int8Array, width), counted));
  const decay = Float64Array.from(low, (bits, t) => (high[t] * 65536 + bits) * decayStep);
  const [q, k, b, c] = whole.map((values, part) => scaledChannels(values, steps[part]));
  return { decay, q, k, b, c };
}

function scaledChannels(whole, steps) {
  const width = steps.length, out = new Float64Array(whole.length);
  for (let at = 0; at < whole.length; at += width) for (let d = 0; d < width; d++) out[at + d] = whole[at + d] * steps[d];
  return out;
}
