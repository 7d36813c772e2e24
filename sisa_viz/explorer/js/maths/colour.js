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

/**
 * Bins to pixels, `low` in the table's first colour, `high` in its last; values beyond keep the end colours.
 * NaN (no cell there: the key is later than the query) stays transparent.
 */
export function paint(bins, low, high, table, factor = 1) {
  const pixels = new Uint32Array(bins.length);
  const scale = (SHADES - 1) / (high - low);
  for (let at = 0; at < bins.length; at++) {
    const value = bins[at] * factor;
    if (value !== value) continue;
    const shade = (value - low) * scale;
    pixels[at] = table[shade <= 0 ? 0 : shade >= SHADES - 1 ? SHADES - 1 : (shade + 0.5) | 0];
  }
  return new Uint8ClampedArray(pixels.buffer);
}
