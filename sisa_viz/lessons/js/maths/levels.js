// What the last position has of each other one, at three levels of fusion. Maps are rows of queries.

import { leftAfter } from "./importance.js";
import { softmax } from "./weights.js";

/** Weights of attention: each row a softmax over its own key and those before it. */
export const attention = (scores) => scores.map((row, i) => {
  const seen = softmax(row.slice(0, i + 1));
  return row.map((_, j) => (j <= i ? seen[j] : 0));
});

/** What a fading state has of every token: 1 of its own, less of each before it. */
export const fading = (n, halfLife) => Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => (j <= i ? leftAfter(i - j, halfLife) : 0)));

/**
 * What the last token takes in of each token, its own vector aside. Block level, (I + A)(I + M) − I: the second layer reads
 * what the first one left. Head level: the mean of A and M. Score level: both in one softmax.
 */
export function levels(content, { halfLife, lam }) {
  const n = content.length, state = fading(n, halfLife), A = attention(content), last = n - 1;
  const fused = attention(content.map((row, i) => row.map((each, j) => each + lam * state[i][j])));
  const across = (make) => Array.from({ length: n }, (_, j) => make(j));
  const carried = across((j) => A[last].reduce((sum, weight, through) => sum + weight * state[through][j], 0));
  return {
    block: across((j) => A[last][j] + state[last][j] + carried[j]),
    head: across((j) => (A[last][j] + state[last][j]) / 2),
    score: fused[last],
  };
}
