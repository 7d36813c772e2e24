// Scores to weights.

/** The weights of a row of scores (nats); they sum to 1, however large the scores are. */
export function softmax(scores) {
  const most = Math.max(...scores), exponentials = scores.map((score) => Math.exp(score - most));
  const sum = exponentials.reduce((total, each) => total + each, 0);
  return exponentials.map((each) => each / sum);
}

/** A row of keys under both terms: content is products over the divisor, importance is λ times the second products. */
export function dialled({ products, importance }, { divisor, lam }) {
  const content = products.map((product) => product / divisor), added = importance.map((each) => lam * each);
  const scores = content.map((each, at) => each + added[at]);
  return { content, added, scores, weights: softmax(scores) };
}

/** Places of the entries, the largest first. */
export const ranked = (values) => values.map((_, at) => at).sort((one, other) => values[other] - values[one]);
