// What is on show as a drawing: onto a canvas, or as SVG, by the same commands.

import { lookupTable, SHADES } from "../maths/colour.js";
import { drawFrame, MARGIN } from "./frame.js";

const GROUNDS = { light: "#ffffff", dark: "#15181c" };
const MASKED = "rgba(128, 128, 128, 0.25)"; // keys that are later than the query
const HEAD = 44; // CSS pixels over the panels, for the title
const TOP = 40; // over each panel, for its own title and colour bar
const BELOW = 22; // for its largest value
const BAR = { width: 132, height: 8, steps: 66 };
const SVG = "http://www.w3.org/2000/svg";

/** The size of a drawing of panels of `side`: four of them in a square, fewer in a row. */
export function sizeOf(count, side) {
  const columns = count > 3 ? 2 : count, rows = Math.ceil(count / columns);
  return { columns, width: columns * (MARGIN.left + side + MARGIN.right) + 8, height: HEAD + rows * heightOf(side) };
}

const heightOf = (side) => TOP + MARGIN.top + side + MARGIN.bottom + BELOW;

/** view: {panels, look, theme, marks, title}; `context` is a canvas's or an SvgContext. */
export function drawView(context, { panels, look, theme, marks, title }) {
  const { side } = panels.all[0], { columns, width, height } = sizeOf(panels.all.length, side);
  context.fillStyle = GROUNDS[theme];
  context.fillRect(0, 0, width, height);
  write(context, title, 12, 24, look.text, "600 14px system-ui, sans-serif");
  panels.all.forEach((panel, at) => {
    context.save();
    context.translate((at % columns) * (MARGIN.left + side + MARGIN.right), HEAD + Math.floor(at / columns) * heightOf(side));
    drawPanel(context, panel, look, marks);
    context.restore();
  });
}

function drawPanel(context, { frame, side, image, colourBar, title, unit, peak }, look, marks) {
  write(context, title, MARGIN.left, 12, look.text, "600 12px system-ui, sans-serif");
  write(context, unit.textContent, MARGIN.left, 27, look.faint, "11px system-ui, sans-serif");
  drawBar(context, MARGIN.left + side - BAR.width, colourBar, look);
  context.translate(0, TOP);
  context.fillStyle = MASKED;
  context.fillRect(MARGIN.left, MARGIN.top, side, side);
  context.imageSmoothingEnabled = false;
  context.drawImage(image, MARGIN.left, MARGIN.top, side, side);
  drawFrame(context, frame, look, { ...marks, hover: null, brush: null });
  write(context, peak.textContent, MARGIN.left, MARGIN.top + side + MARGIN.bottom + 8, look.faint, "11px system-ui, sans-serif");
}

function drawBar(context, x, { stops, texts }, look) {
  const table = new Uint8Array(lookupTable(stops).buffer), step = BAR.width / BAR.steps;
  for (let at = 0; at < BAR.steps; at++) {
    const shade = 4 * Math.round((at / (BAR.steps - 1)) * (SHADES - 1));
    context.fillStyle = `rgb(${table.subarray(shade, shade + 3).join(", ")})`;
    context.fillRect(x + at * step, 4, step + 0.5, BAR.height);
  }
  ["left", "center", "right"].forEach((align, at) => {
    write(context, texts[at], x + (at * BAR.width) / 2, 24, look.faint, "10.5px system-ui, sans-serif", align);
  });
}

function write(context, text, x, y, colour, font, align = "left") {
  Object.assign(context, { fillStyle: colour, font, textAlign: align, textBaseline: "alphabetic" });
  context.fillText(text, x, y);
}

/** As much of a canvas's context as the explorer draws with; `text` is the drawing as SVG. */
export class SvgContext {
  constructor(width, height) {
    this.root = document.createElementNS(SVG, "svg");
    this.set(this.root, { xmlns: SVG, viewBox: `0 0 ${width} ${height}`, width, height });
    Object.assign(this, { at: this.root, stack: [], path: "", dash: "none", globalAlpha: 1, lineWidth: 1 });
  }

  get text() {
    return new XMLSerializer().serializeToString(this.root);
  }

  set(element, attributes) {
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
    return element;
  }

  add(name, attributes, text = "") {
    const element = this.set(document.createElementNS(SVG, name), attributes);
    element.textContent = text;
    this.at.append(element);
    return element;
  }

  save() {
    this.stack.push({ at: this.at, globalAlpha: this.globalAlpha, dash: this.dash });
  }

  restore() {
    Object.assign(this, this.stack.pop());
  }

  translate(x, y) {
    this.at = this.add("g", { transform: `translate(${x} ${y})` });
  }

  rotate(angle) {
    this.at = this.add("g", { transform: `rotate(${(angle * 180) / Math.PI})` });
  }

  setLineDash(lengths) {
    this.dash = lengths.join(" ") || "none";
  }

  get stroke_() {
    return { fill: "none", stroke: this.strokeStyle, "stroke-width": this.lineWidth, "stroke-dasharray": this.dash, opacity: this.globalAlpha };
  }

  fillRect(x, y, width, height) {
    this.add("rect", { x, y, width, height, fill: this.fillStyle, opacity: this.globalAlpha });
  }

  strokeRect(x, y, width, height) {
    this.add("rect", { x, y, width, height, ...this.stroke_ });
  }

  beginPath() {
    this.path = "";
  }

  moveTo(x, y) {
    this.path += `M${x} ${y}`;
  }

  lineTo(x, y) {
    this.path += `L${x} ${y}`;
  }

  stroke() {
    this.add("path", { d: this.path, ...this.stroke_ });
  }

  fill() {
    this.add("path", { d: `${this.path}Z`, fill: this.fillStyle, opacity: this.globalAlpha });
  }

  fillText(text, x, y) {
    const anchor = { left: "start", center: "middle", right: "end" }[this.textAlign];
    const baseline = { top: "hanging", middle: "central", alphabetic: "auto" }[this.textBaseline];
    this.add("text", { x, y, fill: this.fillStyle, "text-anchor": anchor, "dominant-baseline": baseline, style: `font: ${this.font}` }, text);
  }

  drawImage(canvas, x, y, width, height) {
    const href = canvas.toDataURL("image/png");
    this.add("image", { x, y, width, height, href, preserveAspectRatio: "none", style: "image-rendering: pixelated" });
  }
}
