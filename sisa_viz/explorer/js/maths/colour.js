// Colours: signed values run over a symmetric range, blue positive; probabilities start at 0.
// The stops come from Python (sisa_viz/colours.py), so that figures and explorer agree.

export const SHADES = 1024;

/** Evenly spaced "#rrggbb" stops as a table of SHADES opaque canvas pixels. */
export function lookupTable(stops) {
  const colours = stops.map((hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)));
  return Uint32Array.from({ length: SHADES }, (_, i) => {
    const at = (i / (SHADES - 1)) * (colours.length - 1);
    const left = Math.min(Math.floor(at), colours.length - 2);
    const [r, g, b] = colours[left].map((c, n) => Math.round(c + (at - left) * (colours[left + 1][n] - c)));
    return pixel(r, g, b);
  });
}

const littleEndian = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;
const pixel = (r, g, b) => (littleEndian
  ? (255 << 24) | (b << 16) | (g << 8) | r
  : (r << 24) | (g << 16) | (b << 8) | 255) >>> 0;

/** The place of a value in a table that runs from `low` to `low + (SHADES − 1) / scale`; values beyond take its ends. */
export function shadeAt(value, low, scale) {
  const shade = (value - low) * scale;
  return shade <= 0 ? 0 : shade >= SHADES - 1 ? SHADES - 1 : (shade + 0.5) | 0;
}

/** What a range of values makes of one step: `scale` of shadeAt. */
export const shadesAStep = (low, high) => (SHADES - 1) / (high - low);

/** Every colour of a table as CSS, with the ink that reads on it: one of black and white always has a contrast ≥ 4.5. */
export function inkedShades(stops) {
  const bytes = new Uint8Array(lookupTable(stops).buffer);
  return Array.from({ length: SHADES }, (_, at) => {
    const channels = Array.from(bytes.subarray(4 * at, 4 * at + 3)); // a canvas has red first on any machine
    return { ground: `rgb(${channels.join(" ")})`, ink: luminance(channels) > 0.179 ? "#000000" : "#ffffff" };
  });
}

/** Relative luminance, 0 to 1; the contrast of two colours is (lighter + 0.05) / (darker + 0.05). */
export function luminance(channels) {
  const linear = channels.map((c) => (c <= 10 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
}

/**
 * Bins to pixels, `low` in the table's first colour, `high` in its last; values beyond keep the end colours.
 * NaN (no cell there: the key is later than the query) stays transparent.
 */
export function paint(bins, low, high, table, factor = 1) {
  const pixels = new Uint32Array(bins.length);
  const scale = shadesAStep(low, high);
  for (let at = 0; at < bins.length; at++) {
    const value = bins[at] * factor;
    if (value !== value) continue;
    pixels[at] = table[shadeAt(value, low, scale)];
  }
  return new Uint8ClampedArray(pixels.buffer);
}
