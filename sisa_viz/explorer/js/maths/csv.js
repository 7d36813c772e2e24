// A table as a file that spreadsheets open: nothing in it is taken for a formula.

const FORMULA = /^[=+\-@\t\r]/;

/** One cell: numbers as they are, text quoted where it must be, and with a sign before what would be computed. */
export function cell(value) {
  if (typeof value === "number") return String(value);
  const text = FORMULA.test(value) ? `'${value}` : value;
  return /["\n\r,;']/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Lines of a table: its heads, then a line a row. */
export function csvOf(heads, rows) {
  return [heads, ...rows].map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}
