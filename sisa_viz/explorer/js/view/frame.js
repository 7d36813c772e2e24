// Where cells lie on a panel, and everything drawn over its picture: axes, spans, the locked row, the brush.

import { visible } from "../maths/labels.js";

export const MARGIN = { left: 58, right: 6, top: 4, bottom: 46 };
const LABEL_ROOM = 10; // CSS pixels a cell needs before tokens replace positions on an axis
const HALF_DIGIT = 3.5; // pixels, so that the last number of an axis stays inside
const NARROW = 8; // CSS pixels of a span whose edges would cover it
export const LOOKS = {
  light: { text: "#333d47", faint: "#66717c", frame: "#98a2ad", hover: "rgba(40, 48, 56, .55)", locked: "#101418" },
  dark: { text: "#cdd5dd", faint: "#98a3ae", frame: "#66717c", hover: "rgba(225, 232, 240, .6)", locked: "#ffffff" },
};
const FONT = "10.5px system-ui, sans-serif";

/** Positions ↔ CSS pixels of one axis: `start … stop` fills `size` pixels after `origin`. */
export class Axis {
  constructor(start, stop, origin, size) {
    Object.assign(this, { start, stop, origin, size, cell: size / (stop - start) });
  }

  pixel(position) {
    return this.origin + (position - this.start) * this.cell;
  }

  /** The position under a pixel, clipped to the axis. */
  position(pixel) {
    const at = this.start + Math.floor((pixel - this.origin) / this.cell);
    return Math.max(this.start, Math.min(this.stop - 1, at));
  }

  /** The place under a pixel, in fractions of a position. */
  place(pixel) {
    return this.start + (pixel - this.origin) / this.cell;
  }

  /** Whether there is room for tokens. */
  get labelled() {
    return this.cell >= LABEL_ROOM;
  }

  ticks() {
    if (this.labelled) return Array.from({ length: this.stop - this.start }, (_, n) => this.start + n);
    const step = niceStep(((this.stop - this.start) * 46) / this.size);
    const first = Math.ceil(this.start / step) * step;
    return Array.from({ length: Math.max(0, Math.ceil((this.stop - first) / step)) }, (_, n) => first + n * step);
  }
}

export function niceStep(least) {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, least)));
  return [1, 2, 5, 10].map((n) => n * power).find((step) => step >= least);
}

export class Frame {
  constructor(window, side) {
    this.side = side;
    this.keys = new Axis(window[2], window[3], MARGIN.left, side);
    this.queries = new Axis(window[0], window[1], MARGIN.top, side);
  }

  /** {query, key} under a point, null outside the picture. */
  cell(x, y) {
    const inside = x >= MARGIN.left && y >= MARGIN.top && x < MARGIN.left + this.side && y < MARGIN.top + this.side;
    return inside ? { query: this.queries.position(y), key: this.keys.position(x) } : null;
  }
}

/** Draws over a panel. `look`: colours; `marks`: {tokens, spans, query, hover, brush}. */
export function drawFrame(context, frame, look, marks) {
  const { side } = frame;
  context.font = FONT;
  drawQueryAxis(context, frame, look, marks.tokens);
  drawKeyAxis(context, frame, look, marks.tokens);
  marks.spans.forEach((span) => drawSpan(context, frame, span));
  if (marks.hover) drawCross(context, frame, marks.hover, look.hover);
  if (marks.query !== null) drawLocked(context, frame, marks.query, look);
  if (marks.brush) drawBrush(context, marks.brush, look.locked);
  context.strokeStyle = look.frame;
  context.strokeRect(MARGIN.left - 0.5, MARGIN.top - 0.5, side + 1, side + 1);
}

function drawQueryAxis(context, { queries }, look, tokens) {
  context.fillStyle = look.text;
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (const at of queries.ticks()) {
    const text = queries.labelled ? clip(tokens[at], 6) : String(at);
    context.fillText(text, MARGIN.left - 10, Math.max(MARGIN.top + 4, queries.pixel(at + 0.5)));
  }
}

function drawKeyAxis(context, { keys, side }, look, tokens) {
  const y = MARGIN.top + side + 8;
  context.fillStyle = look.text;
  for (const at of keys.ticks()) {
    const x = keys.pixel(at + 0.5), end = MARGIN.left + side + MARGIN.right - HALF_DIGIT * String(at).length;
    if (keys.labelled) turned(context, x, y, -Math.PI / 2.6, () => aligned(context, clip(tokens[at], 6), "right", "middle"));
    else turned(context, Math.min(x, end), y, 0, () => aligned(context, String(at), "center", "top"));
  }
  context.fillStyle = look.faint;
  turned(context, MARGIN.left - 8, y, 0, () => aligned(context, "key →", "right", "top"));
}

function aligned(context, text, align, baseline) {
  context.textAlign = align;
  context.textBaseline = baseline;
  context.fillText(text, 0, 0);
}

function turned(context, x, y, angle, draw) {
  context.save();
  context.translate(x, y);
  context.rotate(angle);
  draw();
  context.restore();
}

function clip(token, most) {
  const signs = Array.from(visible(token.slice(0, 4 * most)));
  return signs.length > most ? signs.slice(0, most - 1).join("") + "…" : signs.join("");
}

/** A bar beside each axis and hairlines at the span's edges among the keys: where they would hide the span, only down to the diagonal. */
function drawSpan(context, { keys, queries, side }, { range, colour }) {
  context.fillStyle = context.strokeStyle = colour;
  const [x0, x1] = part(keys, range), [y0, y1] = part(queries, range);
  if (x1 > x0) {
    context.fillRect(x0, MARGIN.top + side + 1, Math.max(3, x1 - x0), 5);
    const bottom = x1 - x0 < NARROW ? y0 : MARGIN.top + side;
    dashed(context, x0, MARGIN.top, bottom);
    dashed(context, x1, MARGIN.top, bottom);
  }
  if (y1 > y0) context.fillRect(MARGIN.left - 6, y0, 5, Math.max(3, y1 - y0));
}

function part(axis, [start, stop]) {
  const inside = (at) => Math.max(axis.start, Math.min(axis.stop, at));
  return [axis.pixel(inside(start)), axis.pixel(inside(stop))];
}

function dashed(context, x, top, bottom) {
  context.save();
  context.globalAlpha = 0.85;
  context.setLineDash([2, 4]);
  context.beginPath();
  context.moveTo(x, top);
  context.lineTo(x, bottom);
  context.stroke();
  context.restore();
}

/** A box around the row, a single line where rows are too thin for one, and a pointer at the axis. */
function drawLocked(context, { queries, side }, query, look) {
  if (query < queries.start || query >= queries.stop) return;
  const y = queries.pixel(query), middle = y + queries.cell / 2;
  for (const [colour, width] of [["#ffffff", 3], ["#101418", 1]]) {
    context.fillStyle = context.strokeStyle = colour;
    context.lineWidth = width;
    if (queries.cell < 4) context.fillRect(MARGIN.left, middle - width / 2, side, width);
    else context.strokeRect(MARGIN.left - 1, y - 0.5, side + 2, queries.cell + 1);
  }
  context.lineWidth = 1;
  context.fillStyle = look.locked;
  context.beginPath();
  context.moveTo(MARGIN.left - 1, middle);
  context.lineTo(MARGIN.left - 8, middle - 4.5);
  context.lineTo(MARGIN.left - 8, middle + 4.5);
  context.fill();
}

function drawCross(context, { keys, queries, side }, { query, key }, colour) {
  context.strokeStyle = colour;
  const x = Math.round(keys.pixel(key + 0.5)) + 0.5, y = Math.round(queries.pixel(query + 0.5)) + 0.5;
  context.beginPath();
  context.moveTo(MARGIN.left, y);
  context.lineTo(MARGIN.left + side, y);
  context.moveTo(x, MARGIN.top);
  context.lineTo(x, MARGIN.top + side);
  context.stroke();
}

function drawBrush(context, { x, y, width, height }, colour) {
  context.save();
  context.globalAlpha = 0.18;
  context.fillStyle = context.strokeStyle = colour;
  context.fillRect(x, y, width, height);
  context.globalAlpha = 1;
  context.strokeRect(x + 0.5, y + 0.5, width, height);
  context.restore();
}
