// Scores of one head from its factors.
//
//   content_ij    = q_i·k_j / sqrt(d_head)
//   importance_ij = lam · exp(g_i − g_j) · c_i·b_j          g: anchored decay, nats
//   score_ij      = content_ij + s · importance_ij          s: lam_scale, 1 = trained
//   pattern_ij    = softmax over j ≤ i of score_ij
//
// Queries are rows, keys are columns, and only j ≤ i exists. Triangles are packed row after row:
// cell (i, j) lies at i(i+1)/2 + j.

const TILE_ROWS = 2; // a tile of 2 × 4 sums and its 6 factors fit into the processor's registers
const TILE_COLUMNS = 4;
const POWERS = Float64Array.from({ length: 128 }, (_, i) => 2 ** (i - 127));

export const rowStart = (i) => (i * (i + 1)) / 2;

/** exp(x) for x ≤ 0, relative error below 1e-6, 0 below 2^-126; three times faster than Math.exp in a loop. */
export function expNegative(x) {
  const t = x * 1.4426950408889634; // log2(e)
  if (t < -126) return 0;
  const whole = (t - 0.5) | 0;
  const f = t - whole; // 2^f by its series, |f| ≤ 0.5
  const p = 1 + f * (0.6931471805599453 + f * (0.2402265069591007 + f * (0.05550410866482158
    + f * (0.009618129107628477 + f * (0.0013333558146428443 + f * 0.00015403530393381609)))));
  return p * POWERS[whole + 127];
}

/** Bytes of one head in a packed trace (pack.py writes them and says what they hold). */
export function blockBytes({ n, d_head, d_state, encoding }) {
  const width = 2 * (d_head + d_state), decay = d_state ? n : 0;
  return encoding === "fixed16" ? 2 * width * n + width + (decay ? 3 * n + 1 : 0) : 4 * width * n + 4 * decay;
}

/**
 * Factors of one head as Float64Arrays, rows padded to a multiple of four.
 * Scale, λ and decay are folded in: content_ij = q_i·k_j and importance_ij = c_i·b_j.
 */
export function decodeHead(bytes, spec, lam) {
  const expected = blockBytes(spec);
  if (bytes.byteLength !== expected) {
    throw new Error(`the data of one head has ${bytes.byteLength} bytes, expected ${expected}`);
  }
  const { n, d_head, d_state } = spec;
  const raw = (spec.encoding === "fixed16" ? readFixed : readFloats)(bytes.slice().buffer, spec);
  const scale = 1 / Math.sqrt(d_head);
  return {
    n, d_head, d_state,
    q: padded(raw.q, n, d_head, () => scale),
    k: padded(raw.k, n, d_head, () => 1),
    b: padded(raw.b, n, d_state, decayScale(raw.decay, -1, 1)),
    c: padded(raw.c, n, d_state, decayScale(raw.decay, 1, lam)),
  };
}

/** [rows, width] with each row times its own number, and zero rows up to a multiple of four. */
function padded(values, n, width, rowScale) {
  const out = new Float64Array(align(n) * width);
  for (let t = 0; t < n; t++) {
    const scale = rowScale(t);
    for (let d = 0; d < width; d++) out[t * width + d] = values[t * width + d] * scale;
  }
  return out;
}

const align = (count) => Math.ceil(count / TILE_COLUMNS) * TILE_COLUMNS;

/** exp(±decay), from the middle of the range, so that neither factor overflows. */
function decayScale(decay, sign, factor) {
  const middle = decay.length ? (decay[0] + decay[decay.length - 1]) / 2 : 0;
  return (t) => factor * Math.exp(sign * (decay[t] - middle));
}

function readFloats(buffer, { n, d_head, d_state }) {
  let at = 0;
  const next = (count) => new Float32Array(buffer, (at += 4 * count) - 4 * count, count);
  const decay = next(d_state ? n : 0);
  return { decay, q: next(n * d_head), k: next(n * d_head), b: next(n * d_state), c: next(n * d_state) };
}

/** Integers times a power of two: 16 bits and one power a channel; the decay has 24 bits and one power. */
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
  const decayStep = d_state ? 2 ** next(Int8Array, 1)[0] : 0;
  const steps = widths.map((width) => Float64Array.from(next(Int8Array, width), (power) => 2 ** power));
  const decay = Float64Array.from(low, (bits, t) => (high[t] * 65536 + bits) * decayStep);
  const [q, k, b, c] = whole.map((values, part) => scaledChannels(values, steps[part]));
  return { decay, q, k, b, c };
}

function scaledChannels(whole, steps) {
  const width = steps.length, out = new Float64Array(whole.length);
  for (let at = 0; at < whole.length; at += width) for (let d = 0; d < width; d++) out[at + d] = whole[at + d] * steps[d];
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
 * Two rows of a·bᵀ at once, columns 0 … stop (a multiple of four): out[r·stride + j] = a_{i+r}·b_j.
 * `a` is interleaved by two, `b` by four.
 */
export function productRows(a, b, width, i, stop, out, stride) {
  for (let j = 0; j < stop; j += TILE_COLUMNS) {
    let s00 = 0, s01 = 0, s02 = 0, s03 = 0, s10 = 0, s11 = 0, s12 = 0, s13 = 0;
    const end = (i + TILE_ROWS) * width;
    for (let p = i * width, r = j * width; p < end; p += TILE_ROWS, r += TILE_COLUMNS) {
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

/** Calls visit(i, content, importance, offset) for every query row, or for every `stride`-th pair of them. */
export function eachRow(head, visit, stride = 1) {
  const { n, d_head, d_state } = head, wide = align(n);
  const q = interleaved(head.q, d_head, TILE_ROWS), k = interleaved(head.k, d_head, TILE_COLUMNS);
  const c = interleaved(head.c, d_state, TILE_ROWS), b = interleaved(head.b, d_state, TILE_COLUMNS);
  const content = new Float32Array(TILE_ROWS * wide), importance = new Float32Array(TILE_ROWS * wide);
  for (let i = 0; i < n; i += TILE_ROWS * stride) {
    const stop = align(i + TILE_ROWS);
    productRows(q, k, d_head, i, stop, content, wide);
    if (d_state) productRows(c, b, d_state, i, stop, importance, wide);
    for (let r = 0; r < TILE_ROWS && i + r < n; r++) visit(i + r, content, importance, r * wide);
  }
}

/**
 * Both products of a head as packed triangles, and where each is largest in size. Fresh memory costs a page fault
 * every 4 KB, so the triangles of `old`, if they have the size, are written over.
 */
export function productMaps(head, old = null) {
  const cells = rowStart(head.n), fits = old?.n === head.n;
  const [content, importance] = fits ? [old.content, old.importance] : [new Float32Array(cells), new Float32Array(cells)];
  const maps = { n: head.n, content, importance };
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
 * One causal softmax row: fills scores[j] and weights[j] for j ≤ i and returns the weights' sum,
 * so that pattern_ij = weights[j] / sum and the largest weight is exactly 1.
 */
export function softmaxRow(content, importance, offset, i, lamScale, scores, weights) {
  let top = -Infinity;
  for (let j = 0; j <= i; j++) {
    const score = content[offset + j] + lamScale * importance[offset + j];
    scores[j] = score;
    if (score > top) top = score;
  }
  let sum = 0;
  for (let j = 0; j <= i; j++) {
    const weight = expNegative(scores[j] - top);
    weights[j] = weight;
    sum += weight;
  }
  return sum;
}

/** The four numbers of every key that query i sees, without any L × L work. */
export function rowNumbers(head, i, lamScale) {
  const content = new Float32Array(i + 1), importance = new Float32Array(i + 1);
  for (let j = 0; j <= i; j++) {
    content[j] = dot(head.q, head.k, head.d_head, i, j);
    importance[j] = dot(head.c, head.b, head.d_state, i, j);
  }
  const scores = new Float32Array(i + 1), weights = new Float32Array(i + 1);
  const sum = softmaxRow(content, importance, 0, i, lamScale, scores, weights);
  return {
    content, scores,
    importance: importance.map((x) => lamScale * x),
    pattern: weights.map((x) => x / sum),
  };
}

function dot(a, b, width, i, j) {
  let sum = 0;
  for (let d = 0; d < width; d++) sum += a[i * width + d] * b[j * width + d];
  return sum;
}
