import assert from "node:assert/strict";
import { test } from "node:test";
import { cases, close, js } from "./cases.mjs";

const { colourLimits, Engine } = await js("maths/engine");
const { PARTS } = await js("maths/summary");
const { inkedShades, lookupTable, luminance, paint, SHADES } = await js("maths/colour");

const colours = { signed: ["#ff0000", "#ffffff", "#0000ff"], pattern: ["#ffffff", "#000000"] };
const view = (one, changes = {}) => ({
  job: "view", key: 1, bytes: one.bytes, spec: one.spec, lam: one.lam, lamScale: one.lam_scale,
  window: one.window, rows: one.bins[0], cols: one.bins[1], colours, contrast: 1, ...changes,
});
const rgba = (pixels, at) => Array.from(pixels.slice(4 * at, 4 * at + 4));

for (const one of cases) {
  test(`pictures: empty where Python has no cell, opaque where it has one: ${one.name}`, () => {
    const answer = new Engine().answer(view(one));
    for (const part of PARTS) {
      const expected = one.pools[part].flat();
      assert.equal(answer.pictures[part].length, 4 * expected.length);
      expected.forEach((value, at) => assert.equal(answer.pictures[part][4 * at + 3], value === null ? 0 : 255));
    }
  });

  test(`a summary equals Python's: ${one.name}`, () => {
    const { bytes, spec, lam, needle, window, lam_scale: lamScale, bins: [rows] } = one, needleQuery = spec.n - 1;
    const asked = { job: "summary", bytes, spec, lam, window, lamScale, size: rows, measures: { needle, needleQuery } };
    const summary = new Engine().answer(asked);
    close([summary.moved, summary.needleMass], [one.moved, one.needle_mass], 1e-3, "moved, needle mass");
    assert.equal(new Engine().answer({ ...asked, measures: { needle: null, needleQuery } }).needleMass, null);
    assert.equal(new Engine().answer({ ...asked, measures: null }).moved, undefined);
  });

  test(`small maps of a window are what the panels show: ${one.name}`, () => {
    const { bytes, spec, lam, window, lam_scale: lamScale, bins: [rows] } = one, engine = new Engine();
    const { maps, norms } = engine.answer({ job: "summary", bytes, spec, lam, window, lamScale, size: rows, measures: null });
    const shown = engine.answer(view(one, { rows, cols: rows })), { pools } = engine.maps;
    for (const part of PARTS) {
      const expected = Array.from(pools[part], (value) => (part === "importance" ? lamScale * value : value));
      close(Array.from(maps[part]), expected, 1e-6, part);
    }
    for (let i = window[0]; i < window[1]; i++) close([norms[i]], [shown.norms[i]], 1e-6, "norm");
  });
}

test("a λ step needs no new data and no new product", () => {
  const [one] = cases, engine = new Engine();
  engine.answer(view(one));
  const { maps } = engine, { content } = maps.pools;
  const stepped = engine.answer(view(one, { bytes: undefined, lamScale: 2.5 }));
  assert.equal(engine.maps, maps);
  assert.equal(maps.pools.content, content);
  const fresh = new Engine().answer(view(one, { lamScale: 2.5 }));
  for (const part of PARTS) assert.deepEqual(stepped.pictures[part], fresh.pictures[part]);
  assert.deepEqual(stepped.peaks, fresh.peaks);
});

test("λ scales the picture of importance: at 0 every cell has the colour of zero", () => {
  const [one] = cases, { pictures } = new Engine().answer(view(one, { lamScale: 0 }));
  one.pools.importance.flat().forEach((value, at) => {
    if (value !== null) assert.ok(rgba(pictures.importance, at).every((channel) => channel >= 254));
  });
});

test("signed weights are painted like the scores that they are", () => {
  const one = cases.find(({ spec }) => spec.weighing.score === "linear"), { pictures, peaks } = new Engine().answer(view(one));
  assert.deepEqual(pictures.pattern, pictures.scores);
  assert.deepEqual(peaks.pattern, peaks.scores);
});

test("zoom and back give what a fresh engine gives", () => {
  const [one] = cases, engine = new Engine(), { n } = one.spec;
  engine.answer(view(one, { lamScale: 0.5, window: [0, n, 0, n] }));
  const zoomed = engine.answer(view(one, { bytes: undefined, lamScale: 0.5 }));
  const fresh = new Engine().answer(view(one, { lamScale: 0.5 }));
  assert.deepEqual(zoomed.pictures, fresh.pictures);
  assert.deepEqual(zoomed.limits, fresh.limits);
});

test("another head replaces the first, and a failed one is not kept", () => {
  const [one, other] = cases, engine = new Engine();
  engine.answer(view(one));
  engine.answer(view(other, { key: 4, lamScale: one.lam_scale }));
  engine.answer(view(one));
  assert.throws(() => engine.answer(view(one, { key: 2, bytes: one.bytes.slice(1) })), /expected/);
  assert.equal(engine.key, null);
  const [second, fresh] = [engine, new Engine()].map((any) => any.answer(view(other, { key: 3, lamScale: one.lam_scale })));
  assert.deepEqual(second.pictures, fresh.pictures);
  assert.deepEqual([second.limits, second.peaks], [fresh.limits, fresh.peaks]);
});

test("signed panels share one limit; probabilities go by the late queries", () => {
  const peak = (value) => ({ value, query: 1, key: 0 });
  const peaks = { content: peak(-3), importance: peak(2), scores: peak(4), pattern: peak(0.9), late: 0.2 };
  assert.deepEqual(colourLimits(peaks, 1, {}), { signed: 4, pattern: 0.2 });
  assert.deepEqual(colourLimits(peaks, 3, {}), { signed: 6, pattern: 0.2 });
  assert.deepEqual(colourLimits(peaks, 1, { top: 1 }), { signed: 4, pattern: 1 });
  const zero = { content: peak(0), importance: peak(0), scores: peak(0), pattern: peak(0), late: 0 };
  assert.deepEqual(colourLimits(zero, 1, {}), { signed: 1, pattern: 1 });
  assert.deepEqual(colourLimits(peaks, 1, {}, { signed: 5, pattern: 0.1 }), { signed: 5, pattern: 0.2 });
  assert.deepEqual(colourLimits(zero, 1, { top: 1 }, { signed: 0.5, pattern: 1 }), { signed: 0.5, pattern: 1 });
});

test("an engine's norms make a softmax of every row, and stay those of the whole head", () => {
  const [one] = cases, { norms } = new Engine().answer(view(one));
  const row = (i) => one.maps.scores.slice((i * (i + 1)) / 2, ((i + 1) * (i + 2)) / 2);
  close(norms, Array.from(norms, (_, i) => Math.log(row(i).reduce((sum, x) => sum + Math.exp(x), 0))), 1e-3, "norms");
  assert.equal(norms.length, one.spec.n);
});

test("on every shade one ink has a contrast of 4.5 or more, and the shades are those of the pictures", () => {
  const stops = ["#67001f", "#ffffff", "#053061", "#777777"], table = lookupTable(stops), shades = inkedShades(stops);
  const bytes = new Uint8Array(table.buffer);
  shades.forEach(({ ground, ink }, at) => {
    const channels = ground.match(/\d+/g).map(Number);
    assert.deepEqual(channels, Array.from(bytes.slice(4 * at, 4 * at + 3)));
    const [dark, light] = [luminance(channels), ink === "#ffffff" ? 1 : 0].sort((a, b) => a - b);
    assert.ok((light + 0.05) / (dark + 0.05) >= 4.5, `${ink} on ${ground}`);
  });
});

test("colours: blue positive, red negative, white zero, the ends kept beyond the limits, NaN transparent", () => {
  const table = lookupTable(colours.signed), pixels = paint(Float32Array.of(-5, -1, 0, 1, 9, NaN), -1, 1, table);
  assert.equal(table.length, SHADES);
  assert.deepEqual([0, 1, 3, 4, 5].map((at) => rgba(pixels, at)),
    [[255, 0, 0, 255], [255, 0, 0, 255], [0, 0, 255, 255], [0, 0, 255, 255], [0, 0, 0, 0]]);
  assert.ok(rgba(pixels, 2).every((channel) => channel >= 254));
  assert.deepEqual(paint(Float32Array.of(0.5), -1, 1, table, 2), paint(Float32Array.of(1), -1, 1, table));
});
