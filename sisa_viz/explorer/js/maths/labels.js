// Token labels are data: they are shown as text, never as markup, and what cannot be seen gets a sign.

const SIGNS = { " ": "·", "\n": "⏎", "\t": "⇥" };
const HIDDEN = /^(?!\u200d)[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}\p{Zs}]$/u; // the joiner holds emoji together

/** Text in which every character shows: · ⏎ ⇥, and ⟨U+202E⟩ for controls; the same signs as sisa_viz/text.py. */
export function visible(text) {
  let out = "";
  for (const sign of text) out += SIGNS[sign] ?? (HIDDEN.test(sign) ? `⟨U+${code(sign)}⟩` : sign);
  return out === "" ? "∅" : out;
}

const code = (sign) => sign.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");

const SPACES = Object.fromEntries(Object.entries(SIGNS).map(([space, sign]) => [sign, space]));

/** Text to read in a row: as `visible`, but spaces, line breaks and tabs are themselves, also where a label has signs for them. */
export const readable = (text) => visible(text).replace(/[·⏎⇥]/gu, (sign) => SPACES[sign]);

/** The whole text if it is short, else its first `most` characters and the count of all; `show` makes it visible. */
export function shortened(text, most = 60, show = visible) {
  if (text.length <= most) return show(text);
  const start = Array.from(text.slice(0, 2 * most)).slice(0, most).join("");
  return `${show(start)}… (${whole(text.length)} characters)`;
}

const MINUS = "\u2212";

/** A number for reading: fixed decimals and a true minus sign. */
export function fixed(value, digits) {
  if (!Number.isFinite(value)) return "–";
  const text = Math.abs(value).toFixed(digits);
  return value < 0 && Number(text) !== 0 ? MINUS + text : text;
}

/** A count with separators. */
export const whole = (count) => count.toLocaleString("en");

/** A range's end: three significant digits. */
export function brief(value) {
  if (value === 0) return "0";
  const size = Math.abs(value);
  const text = size >= 1000 || size < 0.001 ? size.toExponential(1) : String(Number(size.toPrecision(3)));
  return value < 0 ? MINUS + text : text;
}

export const percent = (share) => (Number.isFinite(share) ? `${(100 * share).toFixed(1)} %` : "–");
