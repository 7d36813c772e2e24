import assert from "node:assert/strict";
import { test } from "node:test";
import { cases, close, js } from "./cases.mjs";

const { blockBytes, decodeHead, eachRow, expNegative, productMaps, rowNumbers, rowStart, softmaxRow } = await js("maths");
const TOLERANCE = 1e-3;

for (const one of cases) {
  const head = () => decodeHead(one.bytes, one.spec, one.lam);

  test(`products equal Python's: ${one.name}`, () => {
    const maps = productMaps(head());
    close(maps.content, one.maps.content, TOLERANCE, "content");
    close(maps.importance.map((x) => one.lam_scale * x), one.maps.importance, TOLERANCE, "importance");
  });

  test(`scores and softmax equal Python's: ${one.name}`, () => {
    const maps = productMaps(head()), { n } = one.spec;
    const scores = new Float32Array(n), weights = new Float32Array(n);
    for (let i = 0; i < n; i++) {
      const sum = softmaxRow(maps.content, maps.importance, rowStart(i), i, one.lam_scale, scores, weights);
      const row = (name) => one.maps[name].slice(rowStart(i), rowStart(i + 1));
      close(scores.slice(0, i + 1), row("scores"), TOLERANCE, `scores of query ${i}`);
      close(weights.slice(0, i + 1).map((w) => w / sum), row("pattern"), TOLERANCE, `pattern of query ${i}`);
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

test("exp of negative numbers is right to 1e-6 and never negative", () => {
  for (let x = 0; x > -87; x -= 0.0137) assert.ok(Math.abs(expNegative(x) / Math.exp(x) - 1) < 1e-6, `at ${x}`);
  for (const x of [-88, -1000, -1e300, -Infinity]) assert.equal(expNegative(x), 0);
  assert.equal(expNegative(0), 1);
});

test("a sampled walk visits pairs of rows, evenly", () => {
  const visited = [], head = decodeHead(cases[0].bytes, cases[0].spec, cases[0].lam);
  eachRow(head, (i) => visited.push(i), 3);
  assert.deepEqual(visited, [0, 1, 6, 7, 12, 13, 18, 19, 24, 25, 30, 31, 36, 37]);
});
