import assert from "node:assert/strict";
import { test } from "node:test";
import { cases, close, js } from "./cases.mjs";

const { HeadPair, PAIR_VIEWS } = await js("maths/difference");
const { Engine } = await js("maths/engine");
const { decodeHead } = await js("maths/decode");
const { PairNumbers } = await js("maths/pairnumbers");
const { Grid } = await js("maths/pool");
const { comparisonStateOf, addressOf } = await js("address");

const colours = { signed: ["#ff0000", "#ffffff", "#0000ff"], pattern: ["#ffffff", "#000000"] };
const headOf = ({ bytes, spec, lam }) => ({ bytes, spec, lam });
const rowStart = (i) => (i * (i + 1)) / 2;

/** Pairs over one length: each case with the next one of its kind of weights. */
const pairs = cases.flatMap((a, at) => {
  const b = cases.slice(at + 1).find(({ spec }) => spec.n === a.spec.n && spec.weighing.score === a.spec.weighing.score);
  return b ? [[a, b]] : [[a, a]];
});

/** Cell by cell from Python's maps: the value of largest size in each bin. */
function pooled(values, grid) {
  const out = grid.empty();
  for (let r = 0; r < grid.rows; r++) for (let i = grid.rowEdges[r]; i < grid.rowEdges[r + 1]; i++) {
    for (let c = 0; c < grid.cols; c++) for (let j = grid.colEdges[c]; j < Math.min(grid.colEdges[c + 1], i + 1); j++) {
      const at = r * grid.cols + c, value = values[rowStart(i) + j];
      if (!(Math.abs(value) <= Math.abs(out[at]))) out[at] = value;
    }
  }
  return out;
}

for (const [a, b] of pairs) for (const kept of [0, 4096]) {
  for (const part of ["content", "importance", "scores", "pattern"]) {
    test(`${part} of two heads and their difference are Python's, ${kept ? "kept" : "made anew"}: ${a.name} and ${b.name}`, () => {
      const pair = new HeadPair(kept), grid = new Grid(a.window, ...a.bins), lamScales = [a.lam_scale, b.lam_scale];
      pair.useHeads("one", [a, b].map(headOf));
      const expected = { a: a.maps[part], b: b.maps[part], difference: b.maps[part].map((value, at) => value - a.maps[part][at]) };
      const isExact = [a, b].every(({ spec }) => spec.encoding === "float32"); // 16 bits may change a score by 0.001
      const tolerance = isExact ? 1e-5 * Math.max(1, ...[a, b].flatMap(({ maps }) => maps.scores.map(Math.abs))) : 2e-3;
      const signed = isExact ? (x) => x || 0 : (x) => Math.abs(x) || 0; // two keys share 1, so their differences tie
      for (const round of ["first", "again"]) { // where only the window's rows are read
        const pools = pair.pool(grid, part, lamScales);
        for (const view of PAIR_VIEWS) {
          const wanted = pooled(expected[view], grid);
          assert.deepEqual(Array.from(pools[view], Number.isNaN), Array.from(wanted, Number.isNaN));
          close(Array.from(pools[view], signed), Array.from(wanted, signed), tolerance, `${view}, ${round}`);
        }
      }
      const first = part === "pattern" && a.spec.weighing.score === "softmax" ? 1 : 0; // query 0 has the probability 1
      for (const view of PAIR_VIEWS) {
        const most = Math.max(...expected[view].slice(first).map(Math.abs));
        close([Math.abs(pair.found.peaks[view].value)], [most], tolerance, `peak of ${view}`);
      }
    });
  }
}

const request = (a, b, changes = {}) => ({
  job: "difference", key: "one", heads: [headOf(a), headOf(b)], lamScales: [a.lam_scale, b.lam_scale], part: "scores",
  window: a.window, rows: a.bins[0], cols: a.bins[1], colours, contrast: 1, ...changes,
});

test("a head less itself is white everywhere, and its limit is 1", () => {
  const [one] = cases, answer = new Engine().answer(request(one, one, { heads: [headOf(one), headOf(one)] }));
  assert.equal(answer.limits.difference, 1);
  assert.deepEqual(answer.pictures.a, answer.pictures.b);
  one.pools.scores.flat().forEach((value, at) => {
    const [red, green, blue, alpha] = answer.pictures.difference.slice(4 * at, 4 * at + 4);
    if (value === null) assert.equal(alpha, 0);
    else assert.ok(Math.min(red, green, blue) >= 254);
  });
});

test("A and B share one scale, which no window changes; held heads need no data", () => {
  const [a, b] = pairs[0], engine = new Engine(), whole = engine.answer(request(a, b));
  const { peaks, limits } = whole;
  assert.equal(limits.values, Math.max(Math.abs(peaks.a.value), Math.abs(peaks.b.value)));
  const zoomed = engine.answer(request(a, b, { heads: undefined, window: [20, 30, 0, 10] }));
  assert.deepEqual(zoomed.limits, limits);
  assert.deepEqual([zoomed.rows, zoomed.cols], [a.bins[0], a.bins[1]].map((bins) => Math.min(10, bins)));
  const turned = engine.answer(request(b, a, { key: "two" }));
  assert.equal(turned.peaks.difference.value, -peaks.difference.value);
});

test("rows and columns of both heads and their difference are Python's", () => {
  const [a, b] = pairs[0], numbers = new PairNumbers(), n = a.spec.n;
  const pair = new HeadPair();
  pair.answer(request(a, b));
  [a, b].forEach((one, at) => {
    numbers.sides[at].useHead(() => decodeHead(one.bytes, one.spec, one.lam));
    numbers.sides[at].useScale(one.lam_scale);
  });
  for (const part of ["content", "importance", "scores", "pattern"]) {
    numbers.usePart(part);
    const difference = b.maps[part].map((value, at) => value - a.maps[part][at]), start = rowStart(20);
    close(numbers.row(20).difference, difference.slice(start, start + 21), 1e-3, `${part}, row`);
    const column = Array.from({ length: n - 7 }, (_, at) => difference[rowStart(7 + at) + 7]);
    close(numbers.column(7, pair.found.norms).difference, column, 1e-3, `${part}, column`);
  }
});

test("an address names runs, and what these do not have is as if it were not there", () => {
  const meta = { n: 40, parts: ["content", "pattern"] };
  const traces = new Map([["step 0", { meta: { layers: [0, 1], heads: [0] } }], ["a&b=<i>", { meta: { layers: [5], heads: [2] } }]]);
  const state = { run_a: "a&b=<i>", layer_a: 5, head_a: 2, lam_scale_a: 0.5, run_b: "step 0", layer_b: 1, head_b: 0, lam_scale_b: 1, part: "content", query: 3, window: null };
  const found = comparisonStateOf(`#${addressOf(state)}`, { traces, meta }, state);
  assert.deepEqual(found, Object.fromEntries(Object.entries(state).filter(([, value]) => value !== null)));
  const other = comparisonStateOf("#run_a=gone&layer_a=5&layer_b=5&part=sum&window=0-9-0-9&evil=1", { traces, meta }, state);
  assert.deepEqual(other, { layer_a: 5, window: [0, 9, 0, 9] });
});
