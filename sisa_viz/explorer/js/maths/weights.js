// How a row of scores becomes the weights on the values: softmax, or what a mixer has instead. sisa_viz/weights.py
// says the same in Python. A trace carries {score, bias}; bias is a number, or "log_t": −log(i + 1) for query i.

import { expNegative } from "./exp.js";

/** title, units, column: words for weights; digits: decimals; signed: drawn like scores; top: fixed end of the colours. */
export const WEIGHTS = {
  softmax: { title: "softmax", units: "probability", column: "probability", scoreUnits: "nats", digits: 4, whole: "attention" },
  sigmoid: { title: "sigmoid", units: "of sum + bias", column: "weight", scoreUnits: "nats", digits: 4, whole: "weights", top: 1 },
  linear: { title: "mixing weights", units: "(signed, unnormalised)", column: "weight", scoreUnits: "", digits: 6, whole: "weights", signed: true },
};

/** What each panel shows: two terms and their sum beside the weights, as far as there are two terms. */
export function panelTitles({ terms, weighing, d_state }) {
  const pattern = WEIGHTS[weighing.score].title;
  if (!terms) return { pattern }; // a state space
  if (!d_state) return { content: terms.content, pattern }; // attention alone
  return { content: terms.content, importance: `λ × ${terms.importance}`, scores: "sum", pattern };
}

/** What a reader must know of weights that no softmax made. */
export function weightNote({ score, bias }) {
  if (score === "linear") return "There is no softmax: values are mixed with these weights as they are.";
  if (score === "sigmoid") return `Weights are 1 / (1 + exp(−(sum + b))), b = ${bias === "log_t" ? "−log(query + 1)" : bias}: a row need not sum to 1.`;
  return "";
}

/**
 * Fills weights[j] for j ≤ i from scores[j], of which `top` is the largest, and returns the number that they wait to be
 * divided by. With softmax the largest weight is exactly 1.
 */
export function weigh({ score, bias }, scores, i, top, weights) {
  if (score === "linear") for (let j = 0; j <= i; j++) weights[j] = scores[j];
  else if (score === "sigmoid") sigmoids(scores, i, biasOf(bias, i), weights);
  else return exponentials(scores, i, top, weights);
  return 1;
}

const biasOf = (bias, i) => (bias === "log_t" ? -Math.log(i + 1) : bias);

/** One weight of query i; norm: log Σ exp(score) of its row, which softmax alone needs. */
export function weightOf({ score, bias }, value, i, norm) {
  if (score === "linear") return value;
  return score === "sigmoid" ? 1 / (1 + Math.exp(-value - biasOf(bias, i))) : Math.exp(value - norm);
}

function exponentials(scores, i, top, weights) {
  let sum = 0;
  for (let j = 0; j <= i; j++) {
    const weight = expNegative(scores[j] - top);
    weights[j] = weight;
    sum += weight;
  }
  return sum;
}

function sigmoids(scores, i, bias, weights) {
  for (let j = 0; j <= i; j++) {
    const x = scores[j] + bias, small = expNegative(-Math.abs(x));
    weights[j] = (x < 0 ? small : 1) / (1 + small);
  }
}
