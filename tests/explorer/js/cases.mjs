// The cases that Python wrote, and how they are compared.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

export const js = (name) => import(new URL(`../../../sisa_viz/explorer/js/${name}.js`, import.meta.url));

export const cases = JSON.parse(readFileSync(process.env.SISA_CASES, "utf8")).map((one) => ({
  ...one,
  bytes: new Uint8Array(Buffer.from(one.bytes, "base64")),
  name: `${Object.values(one.spec.weighing).join(" ")} ${one.spec.encoding} n=${one.spec.n} d_head=${one.spec.d_head} d_state=${one.spec.d_state} λ×${one.lam_scale}`,
}));

export function close(found, expected, tolerance, what) {
  assert.equal(found.length, expected.length, `${what}: length`);
  let worst = 0, at = 0;
  for (let i = 0; i < expected.length; i++) {
    const gap = Math.abs(found[i] - expected[i]);
    if (!(gap <= worst)) { worst = gap; at = i; }
  }
  assert.ok(worst <= tolerance, `${what}: [${at}] is ${found[at]}, Python has ${expected[at]} (${expected.length} values)`);
}
