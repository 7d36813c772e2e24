import assert from "node:assert/strict";
import { test } from "node:test";
import { cases, close, js } from "./cases.mjs";

const { decodeHead } = await js("maths/decode");
const { productMaps, rowStart } = await js("maths/maths");
const { binEdges, Grid, poolMap, poolScores } = await js("maths/pool");
const { blockAround } = await js("maths/zoom");

const flat = (rows) => rows.flat().map((x) => (x === null ? NaN : x));

function closeBins(found, expected, what) {
  const wanted = flat(expected);
  assert.equal(found.length, wanted.length, what);
  wanted.forEach((value, at) => assert.equal(Number.isNaN(found[at]), Number.isNaN(value), `${what}: bin ${at} is ${found[at]}, ${value}`));
  const size = (x) => (Number.isNaN(x) ? 0 : Math.abs(x)); // of two cells of one size but opposite sign either may win
  close(Array.from(found, size), wanted.map(size), 1e-3, what);
}

for (const one of cases) {
  test(`bins equal Python's: ${one.name}`, () => {
    const maps = productMaps(decodeHead(one.bytes, one.spec, one.lam));
    const grid = new Grid(one.window, ...one.bins);
    closeBins(poolMap(maps.content, grid), one.pools.content, "content");
    closeBins(poolMap(maps.importance, grid).map((x) => x * one.lam_scale), one.pools.importance, "importance");
    for (const wantPeaks of [true, false]) {
      const { scores, pattern, peaks } = poolScores(maps, one.lam_scale, grid, wantPeaks);
      closeBins(scores, one.pools.scores, "scores");
      closeBins(pattern, one.pools.pattern, "pattern");
      assert.equal(Boolean(peaks), wantPeaks);
    }
  });

  test(`peaks are those of the whole head, whatever the window: ${one.name}`, () => {
    const maps = productMaps(decodeHead(one.bytes, one.spec, one.lam));
    const { peaks } = poolScores(maps, one.lam_scale, new Grid(one.window, ...one.bins), true);
    close([Math.abs(peaks.scores.value)], [Math.max(...one.maps.scores.map(Math.abs))], 1e-3, "scores");
    const softmax = one.spec.weighing.score === "softmax"; // only there query 0 is 1 for certain
    const largest = Math.max(...one.maps.pattern.slice(softmax ? 1 : 0).map(Math.abs));
    close([Math.abs(peaks.pattern.value)], [largest], 1e-3, "pattern after query 0");
    const late = one.maps.pattern.slice(rowStart(Math.ceil(one.spec.n / 8)));
    if (softmax) close([peaks.late], [Math.max(...late)], 1e-3, "pattern after the first eighth");
    close([one.maps.pattern[rowStart(peaks.pattern.query) + peaks.pattern.key]], [peaks.pattern.value], 1e-3, "its place");
  });
}

/** Small, seeded, good enough to place spikes. */
function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0;
    return ((state ^ (state >>> 13)) >>> 0) / 2 ** 32;
  };
}

test("property: the largest cell of a 4,096-token map is in its overview, at its place", () => {
  const n = 4096, map = new Float32Array(rowStart(n)), next = random(7);
  for (let at = 0; at < map.length; at++) map[at] = next() - 0.5;
  for (let trial = 0; trial < 60; trial++) {
    const i = Math.floor(next() * n), j = Math.floor(next() * (i + 1)), bins = 64 + Math.floor(next() * 900);
    const held = map[rowStart(i) + j], spike = trial % 2 ? 0.51 : -0.51;
    map[rowStart(i) + j] = spike;
    const grid = new Grid([0, n, 0, n], bins, bins), out = poolMap(map, grid);
    const size = (x) => (x === x ? Math.abs(x) : 0);
    const at = out.reduce((best, x, b) => (size(x) > size(out[best]) ? b : best), 0);
    assert.equal(out[at], Math.fround(spike), `trial ${trial}: ${bins} bins, cell ${i}, ${j}`);
    const row = Math.floor(at / grid.cols), col = at % grid.cols;
    assert.ok(grid.rowEdges[row] <= i && i < grid.rowEdges[row + 1] && grid.colEdges[col] <= j && j < grid.colEdges[col + 1]);
    map[rowStart(i) + j] = held;
  }
});

test("property: bins cover every position once, and the pointer finds the bin of each", () => {
  const next = random(3);
  for (let trial = 0; trial < 300; trial++) {
    const start = Math.floor(next() * 50), stop = start + 1 + Math.floor(next() * 500), wanted = 1 + Math.floor(next() * 400);
    const edges = binEdges(start, stop, wanted);
    assert.deepEqual([edges[0], edges.at(-1)], [start, stop]);
    for (let b = 0; b + 1 < edges.length; b++) {
      assert.ok(edges[b] < edges[b + 1]);
      for (const at of [edges[b], edges[b + 1] - 1]) {
        assert.deepEqual(blockAround({ query: at, key: at }, [start, stop, start, stop], { rows: wanted, cols: wanted, grain: 1 }),
          [edges[b], edges[b + 1], edges[b], edges[b + 1]], `${at} in ${start}–${stop} with ${wanted} bins`);
      }
    }
  }
});
