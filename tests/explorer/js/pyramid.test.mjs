// The path of long heads, forced on short ones, against triangles: the same cells, whatever the window.

import assert from "node:assert/strict";
import { test } from "node:test";
import { cases, close, js } from "./cases.mjs";

const { Engine } = await js("maths/engine");
const { PARTS } = await js("maths/summary");
const { decodeHead } = await js("maths/decode");
const { productMaps, rowStart } = await js("maths/maths");
const { binEdges, Grid, poolMap, poolScores } = await js("maths/pool");
const { HeadNumbers } = await js("maths/numbers");
const { Pyramid } = await js("maths/pyramid");

const colours = { signed: ["#ff0000", "#ffffff", "#0000ff"], pattern: ["#ffffff", "#000000"] };
const decoded = (one) => decodeHead(one.bytes, one.spec, one.lam);
const long = (one, cells = 30) => new Pyramid(decoded(one), null, { cells, slice: 0 });
const inOne = (pyramid) => { while (!pyramid.refine()); };

/** The four maps of a case as triangles, at one λ. */
function triangles(one, lamScale) {
  const maps = productMaps(decoded(one)), { n } = maps, cell = new Grid([0, n, 0, n], n, n);
  const { scores, pattern, peaks, norms } = poolScores(maps, lamScale, cell, true);
  const packed = (square) => Float32Array.from({ length: rowStart(n) }, () => 0).map((_, at) => {
    const i = Math.floor((Math.sqrt(8 * at + 1) - 1) / 2);
    return square[i * n + at - rowStart(i)];
  });
  return { maps: { content: maps.content, importance: maps.importance, scores: packed(scores), pattern: packed(pattern) }, peaks: { ...maps.peaks, ...peaks }, norms };
}

/** Windows at the edges of blocks and between them, long and thin ones, one row, the whole map. */
function windowsOf(n) {
  return [[0, n, 0, n], [0, n - 1, 0, n - 3], [4, 32, 4, 32], [5, 31, 2, 29], [1, n, 0, 5], [n - 6, n, 3, n], [8, 9, 0, 9],
    [17, 35, 17, 35], [3, 30, 26, n], [0, 12, 20, n]];
}

function closePools(found, expected, grid, what) {
  assert.equal(found.length, expected.length, what);
  expected.forEach((value, at) => {
    const same = Number.isNaN(value) ? Number.isNaN(found[at]) : Math.abs(found[at] - value) <= 2e-6 * Math.abs(value) + 1e-37;
    assert.ok(same, `${what}: bin ${at} of ${grid.rows} × ${grid.cols} is ${found[at]}, triangles have ${value}`);
  });
}

for (const one of cases) {
  const { n } = one.spec;

  for (const lamScale of [one.lam_scale, 0.5]) {
    test(`after the pass each bin of any window shows what triangles show, λ × ${lamScale}: ${one.name}`, () => {
      const pyramid = long(one), { maps, peaks, norms } = triangles(one, lamScale);
      for (const cells of [30, 1e9]) { // from blocks, and from factors
        pyramid.cells = cells;
        for (const window of windowsOf(n)) {
          for (const [rows, cols] of [[9, 9], [3, 40], [1000, 1000], [1, 1]]) {
            pyramid.view({ window, rows, cols, lamScale });
            inOne(pyramid);
            const { grid, pools, exact, drawn } = pyramid.view({ window, rows, cols, lamScale });
            assert.deepEqual([exact, drawn], [true, window[1] - window[0]]);
            for (const part of PARTS) closePools(pools[part], poolMap(maps[part], grid), grid, `${part} of ${window}, ${cells} cells`);
          }
        }
      }
      assert.deepEqual(pyramid.peaks, peaks);
      assert.deepEqual(pyramid.norms, norms);
    });
  }

  test(`a sample draws no cell that is not there, and none that is larger: ${one.name}`, () => {
    const { maps, norms } = triangles(one, one.lam_scale), pyramid = long(one, 4 * n), window = [0, n, 0, n];
    const { grid, pools, exact, drawn, norms: known } = pyramid.view({ window, rows: 7, cols: 7, lamScale: one.lam_scale });
    assert.deepEqual([exact, grid.rows, grid.cols], [false, 4, 7]);
    assert.ok(drawn >= 4 && drawn <= 8, `${drawn} queries`);
    for (const part of PARTS) {
      const largest = poolMap(maps[part], grid), cells = new Set(maps[part]);
      pools[part].forEach((value, at) => {
        assert.equal(Number.isNaN(value), Number.isNaN(largest[at]), `${part}: bin ${at}`);
        assert.ok(Number.isNaN(value) || (cells.has(value) && Math.abs(value) <= Math.abs(largest[at])), `${part}: bin ${at} has ${value}`);
      });
    }
    assert.ok(known.some(Number.isNaN) && known.every((norm, i) => Number.isNaN(norm) || norm === norms[i]));
  });

  test(`a long head's pictures, once exact, are those of a short one's: ${one.name}`, () => {
    const view = { job: "view", key: 1, bytes: one.bytes, spec: one.spec, lam: one.lam, lamScale: one.lam_scale, window: one.window, rows: 5, cols: 6, colours, contrast: 1 };
    const engine = new Engine({ triangles: 0, cells: 1e9, slice: 0 });
    engine.answer(view);
    while (!engine.answer({ job: "refine", key: 1 }).exact);
    const [found, expected] = [engine.answer(view), new Engine().answer(view)];
    for (const part of PARTS) close(found.pictures[part], expected.pictures[part], 1, part); // one of 255 shades
    assert.deepEqual([found.limits, found.peaks, found.norms], [expected.limits, expected.peaks, expected.norms]);
    assert.deepEqual([found.exact, expected.exact, expected.drawn], [true, true, undefined]);
    assert.throws(() => engine.answer({ job: "refine", key: 2 }), /another head/);
  });
}

test("the pointer finds the strongest of a block's cells, among queries that are computed", () => {
  for (const one of cases) {
    const numbers = new HeadNumbers(), { norms } = triangles(one, one.lam_scale), [q0, q1, k0, k1] = [12, 19, 4, 15];
    numbers.useHead(() => decoded(one));
    numbers.useScale(one.lam_scale);
    for (const known of [norms, norms.map((norm, i) => (i % 3 ? NaN : norm))]) {
      for (const part of PARTS) {
        const rows = [12, 13, 14, 15, 16, 17, 18].filter((i) => !Number.isNaN(known[i]));
        const sizes = rows.flatMap((i) => one.maps[part].slice(rowStart(i) + k0, Math.min(rowStart(i) + k1, rowStart(i + 1)))).map(Math.abs);
        const best = numbers.strongest(part, [q0, q1, k0, k1], known);
        close([best.size, Math.abs(one.maps[part][rowStart(best.query) + best.key])], [Math.max(...sizes), Math.max(...sizes)], 1e-3, part);
        assert.equal(best.queries, rows.length);
        assert.ok(rows.includes(best.query) && k0 <= best.key && best.key < k1);
      }
    }
    assert.equal(numbers.strongest("content", [2, 4, 9, 12], norms), null);
    assert.equal(numbers.strongest("content", [q0, q1, k0, k1], norms.map(() => NaN)), null);
    const row = one.maps.pattern.slice(rowStart(20) + 3, rowStart(20) + 16).map(Math.abs), key = numbers.strongestKey("pattern", 20, 3, 16);
    close([row[key - 3]], [Math.max(...row)], 1e-3, "the strongest key of a row");
    assert.equal(numbers.strongestKey("pattern", 20, 21, 30), null);
  }
});

test("a λ step in the middle of a pass begins it anew, and leaves the products of a whole one as they are", () => {
  const [one] = cases, { n } = one.spec, view = { window: [0, n, 0, n], rows: 4, cols: 4 };
  const [pyramid, other] = [long(one, 4 * n), long(one, 4 * n)];
  pyramid.view({ ...view, lamScale: 3 });
  for (let slice = 0; slice < 5; slice++) assert.equal(pyramid.refine(), false);
  pyramid.view({ ...view, lamScale: 0.5 });
  inOne(pyramid);
  other.view({ ...view, lamScale: 0.5 });
  inOne(other);
  const exact = other.view({ ...view, lamScale: 0.5 });
  assert.deepEqual(pyramid.view({ ...view, lamScale: 0.5 }), exact);
  const stepped = pyramid.view({ ...view, lamScale: 2 });
  assert.equal(stepped.exact, false);
  assert.deepEqual([stepped.pools.content, stepped.pools.importance], [exact.pools.content, exact.pools.importance]);
  assert.deepEqual([stepped.peaks.content, stepped.peaks.importance], [exact.peaks.content, exact.peaks.importance]);
  inOne(pyramid);
  const { peaks } = triangles(one, 2);
  assert.deepEqual(pyramid.peaks, peaks);
});

test("another head writes over the blocks of the first, which then hold nothing of it", () => {
  const [first, second] = cases, { n } = first.spec, view = { window: [1, n, 2, n], rows: 6, cols: 6, lamScale: 1 };
  const old = long(first);
  old.view(view);
  inOne(old);
  const [again, fresh] = [new Pyramid(decoded(second), old, { cells: 30, slice: 0 }), long(second)];
  for (const pyramid of [again, fresh]) {
    pyramid.view(view);
    inOne(pyramid);
  }
  assert.equal(again.blocks, old.blocks);
  assert.deepEqual(again.view(view), fresh.view(view));
});

test("property: edges inside a window are multiples of the grain, and every bin holds a position", () => {
  for (let start = 0; start < 23; start++) {
    for (let length = 1; length < 60; length++) {
      for (const grain of [1, 4, 8]) {
        for (const wanted of [1, 3, 7, 100]) {
          const edges = binEdges(start, start + length, wanted, grain);
          assert.deepEqual([edges[0], edges.at(-1)], [start, start + length]);
          assert.ok(edges.slice(1).every((edge, b) => edge > edges[b]), `${start} ${length} ${grain} ${wanted}: ${edges}`);
          assert.ok(edges.slice(1, -1).every((edge) => edge % grain === 0));
        }
      }
    }
  }
});
