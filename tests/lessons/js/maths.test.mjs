// The lessons' maths against arrays that Python wrote.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const js = (name) => import(new URL(`../../../sisa_viz/lessons/js/${name}.js`, import.meta.url));
const cases = JSON.parse(readFileSync(process.env.SISA_CASES, "utf8"));
const { linear, roundLimit, ticks } = await js("maths/axis");
const { importances } = await js("maths/importance");
const { attention, fading, levels } = await js("maths/levels");
const { dialled, ranked, softmax } = await js("maths/weights");
const { angleOf, halfLifeOf } = await js("decay");

function close(found, expected, what) {
  assert.equal(found.length, expected.length, `${what}: length`);
  expected.forEach((value, at) => assert.ok(Math.abs(found[at] - value) <= 1e-12 * Math.max(1, Math.abs(value)), `${what}: [${at}] is ${found[at]}, Python has ${value}`));
}

test("importance and its factors equal Python's", () => {
  for (const { factors, n, ...expected } of cases.importance) {
    const found = importances(n, factors);
    for (const name of ["decay", "turned", "cosine", "reach", "importance"]) close(found.map((key) => key[name]), expected[name], name);
  }
});

test("weights equal Python's, of large scores too", () => {
  for (const { scores, weights } of cases.softmax) close(softmax(scores), weights, "weights");
});

test("both terms of a dial equal Python's", () => {
  for (const { data, sliders, ...expected } of cases.dial) {
    const found = dialled(data, sliders);
    for (const name of ["content", "added", "scores", "weights"]) close(found[name], expected[name], name);
  }
});

test("three levels equal Python's matrices", () => {
  for (const { content, sliders, ...expected } of cases.levels) {
    attention(content).forEach((row, i) => close(row, expected.A[i], "A"));
    fading(content.length, sliders.halfLife).forEach((row, i) => close(row, expected.M[i], "M"));
    const found = levels(content, sliders);
    for (const name of ["block", "head", "score"]) close(found[name], expected[name], name);
  }
});

test("sliders reach from 1 to 1,000 tokens and from 0 to π", () => {
  close([0, 20, 40, 60].map(halfLifeOf), [1, 10, 100, 1000], "half-life");
  close([0, 15, 30, 60].map(angleOf), [0, Math.PI / 4, Math.PI / 2, Math.PI], "angle");
});

test("entries are ranked from the largest down", () => {
  assert.deepEqual(ranked([0.2, -1, 3, 0.5]), [2, 3, 0, 1]);
});

test("ticks are round, within the axis, and not too many", () => {
  assert.deepEqual(ticks(-2, 2, 4), [-2, -1, 0, 1, 2]);
  assert.deepEqual(ticks(0, 0.2, 4), [0, 0.05, 0.1, 0.15, 0.2]);
  for (const high of [0.03, 0.7, 1, 3.3, 8, 40, 1234]) {
    const found = ticks(0, high, 4);
    assert.ok(found.length >= 2 && found.length <= 5, `${high}: ${found}`);
    assert.ok(found[0] === 0 && found.at(-1) <= high * (1 + 1e-9), `${high}: ${found}`);
  }
});

test("a round limit is not below its value and at most 2.5 times as large", () => {
  for (let value = 0.001; value < 2000; value *= 1.07) {
    const limit = roundLimit(value);
    assert.ok(limit >= value * (1 - 1e-9) && limit <= 2.5 * value, `${value}: ${limit}`);
  }
  assert.deepEqual([1, 2, 5, 0.1, 0].map(roundLimit), [1, 2, 5, 0.1, 1]);
});

test("an axis maps its ends to its edges", () => {
  const place = linear(-1, 3, 100, 20);
  assert.deepEqual([-1, 1, 3].map(place), [100, 60, 20]);
});
