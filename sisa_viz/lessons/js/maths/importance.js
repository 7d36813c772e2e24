// One pair of channels of the importance term: decay × rotation × λ, by the distance from key to query.

/** What is left of a token after `distance` tokens, 0 to 1: e^(−distance · ln 2 / halfLife). */
export const leftAfter = (distance, halfLife) => Math.exp((-distance * Math.LN2) / halfLife);

/**
 * The importance (nats) of a key at a distance, and its factors: λ · decay · size · cos(turned). `size` is |C||B|,
 * `turned` the angle (radians) between the two vectors, `angle` for each token.
 */
export function importanceAt(distance, { halfLife, angle, lam, size }) {
  const decay = leftAfter(distance, halfLife), turned = angle * distance, cosine = Math.cos(turned);
  return { decay, turned, cosine, reach: lam * decay * size, importance: lam * decay * size * cosine };
}

/** The same for keys at distances 0 … n − 1. */
export const importances = (n, factors) => Array.from({ length: n }, (_, distance) => importanceAt(distance, factors));
