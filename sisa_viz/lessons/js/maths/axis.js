// Axes: where a value stands, and which values get a tick.

/** A function from values between `low` and `high` to places between `start` and `stop`. */
export const linear = (low, high, start, stop) => (value) => start + ((value - low) / (high - low)) * (stop - start);

/** The least of 1, 2, 5, 10, 20 … times a power of ten that is not below `value`; 1 for 0. */
export function roundLimit(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value) + 1e-9);
  return [1, 2, 5, 10].map((each) => each * power).find((each) => each >= value * (1 - 1e-9));
}

/** Round values from low to high, about `most` of them at the most. */
export function ticks(low, high, most) {
  const step = roundLimit((high - low) / most), first = Math.ceil(low / step - 1e-9);
  const count = Math.floor(high / step + 1e-9) - first + 1;
  return Array.from({ length: count }, (_, at) => Number(((first + at) * step).toPrecision(12)));
}
