import assert from "node:assert/strict";
import { test } from "node:test";
import { cases, close, js } from "./cases.mjs";

const { blockBytes, decodeHead } = await js("maths/decode");
const { expNegative } = await js("maths/exp");
const { columnNumbers, eachRow, productMaps, rowNumbers, rowStart, weighedRow } = await js("maths/maths");
const { keyBlocks } = await js("maths/decay");
const TOLERANCE = 1e-3;

/** Within 1e-5 of what is expected, or of the smallest normal float32. */
function closeInShare(found, expected) {
  expected.forEach((value, at) => {
    const gap = Math.abs(found[at] - value);
    assert.ok(gap <= 1e-5 * Math.max(Math.abs(value), 1.2e-38), `[${at}] is ${found[at]}, Python has ${value}`);
  });
}

for (const one of cases) {
  const head = () => decodeHead(one.bytes, one.spec, one.lam);

  test(`products equal Python's: ${one.name}`, () => {
    const maps = productMaps(head());
    close(maps.content, one.maps.content, TOLERANCE, "content");
    close(maps.importance.map((x) => one.lam_scale * x), one.maps.importance, TOLERANCE, "importance");
  });

  if (one.spec.encoding === "float32") {
    test(`importance equals Python's to 1e-5 of itself, however far it decays: ${one.name}`, () => {
      const { importance } = productMaps(head()), last = one.spec.n - 1;
      closeInShare(importance.map((x) => one.lam_scale * x), one.maps.importance);
      closeInShare(rowNumbers(head(), last, one.lam_scale).importance, one.maps.importance.slice(rowStart(last)));
    });
  }

  test(`scores and weights equal Python's: ${one.name}`, () => {
    const maps = productMaps(head()), { n } = one.spec;
    const scores = new Float32Array(n), weights = new Float32Array(n);
    const norms = new Float64Array(n);
    for (let i = 0; i < n; i++) {
      const { sum, norm } = weighedRow(maps, maps.content, maps.importance, rowStart(i), i, one.lam_scale, scores, weights);
      norms[i] = norm;
      const row = (name) => one.maps[name].slice(rowStart(i), rowStart(i + 1));
      close(scores.slice(0, i + 1), row("scores"), TOLERANCE, `scores of query ${i}`);
      close(weights.slice(0, i + 1).map((w) => w / sum), row("pattern"), TOLERANCE, `pattern of query ${i}`);
    }
    for (const key of [0, 5, n - 1]) { // the same numbers, read down a column
      const column = columnNumbers(head(), key, one.lam_scale, norms);
      for (const name of ["content", "importance", "scores", "pattern"]) {
        const expected = Array.from({ length: n - key }, (_, at) => one.maps[name][rowStart(key + at) + key]);
        close(column[name], expected, TOLERANCE, `${name} of key ${key}`);
      }
    }
  });

  test(`one row alone equals Python's: ${one.name}`, () => {
    const query = one.spec.n - 2, numbers = rowNumbers(head(), query, one.lam_scale);
    for (const name of ["content", "importance", "scores", "pattern"]) {
      close(numbers[name], one.maps[name].slice(rowStart(query), rowStart(query + 1)), TOLERANCE, name);
    }
  });

  test(`the largest cell of each product is found: ${one.name}`, () => {
    const { content } = productMaps(head()).peaks;
    const largest = Math.max(...one.maps.content.map(Math.abs));
    close([Math.abs(content.value)], [largest], TOLERANCE, "peak");
    close([one.maps.content[rowStart(content.query) + content.key]], [content.value], TOLERANCE, "its place");
  });
}

test("a block of the wrong length is refused with both lengths", () => {
  const [{ bytes, spec, lam }] = cases;
  assert.throws(() => decodeHead(bytes.slice(1), spec, lam), new RegExp(`has ${bytes.length - 1} bytes, expected ${bytes.length}`));
  assert.equal(blockBytes(spec), bytes.length);
});

test("keys fall into few blocks, and their numbers stay far from a float64's end", () => {
  const decay = Float64Array.from({ length: 203 }, (_, t) => -10 * t - (t > 50 ? 4000 : 0));
  const { steps, blocks } = keyBlocks(decay);
  assert.deepEqual(blocks.map(({ start }) => start), [0, ...blocks.slice(0, -1).map(({ stop }) => stop)]);
  assert.ok(blocks.at(-1).stop >= 203 && blocks.length <= 5, `${blocks.length} blocks`);
  for (const { start, stop, anchor } of blocks) {
    assert.equal(start % 4, 0);
    for (let t = start; t < Math.min(stop, 203); t++) assert.ok(steps[t] >= anchor && steps[t] - anchor <= 600);
  }
  assert.equal(keyBlocks(decay.map((g) => g / 100)).blocks.length, 1);
});

test("exp of negative numbers is right to 1e-6 and never negative", () => {
  for (let x = 0; x > -87; x -= 0.0137) assert.ok(Math.abs(expNegative(x) / Math.exp(x) - 1) < 1e-6, `at ${x}`);
  for (const x of [-88, -1000, -1e300, -Infinity]) assert.equal(expNegative(x), 0);
  assert.equal(expNegative(0), 1);
});

test("a sampled walk visits pairs of rows, evenly", () => {
  const visited = [], head = decodeHead(cases[0].bytes, cases[0].spec, cases[0].lam);
  eachRow(head, (i) => visited.push(i), { stride: 3 });
  assert.deepEqual(visited, [0, 1, 6, 7, 12, 13, 18, 19, 24, 25, 30, 31, 36, 37]);
});
