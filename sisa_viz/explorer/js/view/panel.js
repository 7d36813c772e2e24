// One panel: title, colour bar, picture, and the overlay that takes the pointer.

import { fitCanvas, make } from "./dom.js";
import { drawFrame, Frame, MARGIN } from "./frame.js";
import { brief } from "../maths/labels.js";

const CLICK = 4; // pixels a pointer may move and still click

const moves = (event) => event.button === 1 || event.shiftKey;

export class Panel {
  /** on: {hover(cell, panel, event), leave(), lock(query), zoom(window), move(window, rows, columns), wheel(place, event), reset()} */
  constructor(part, title, units, on) {
    Object.assign(this, { part, title, on, brush: null });
    this.unit = make("span", { class: "sisa-x-units" }, units);
    this.image = make("canvas", { class: "sisa-x-image" });
    this.overlay = make("canvas", { class: "sisa-x-overlay" });
    this.bar = make("span", { class: "sisa-x-bar" });
    this.ends = [0, 1, 2].map(() => make("span", {}));
    this.peak = make("p", { class: "sisa-x-peak" });
    this.plot = make("div", { class: "sisa-x-plot", role: "img", "aria-label": title }, this.image, this.overlay);
    this.element = make("section", { class: "sisa-x-panel", "data-part": part },
      make("header", {}, make("span", { class: "sisa-x-rows" }, "query ↓"),
        make("div", { class: "sisa-x-title" }, make("h3", { title }, title), this.unit),
        make("div", { class: "sisa-x-legend" }, this.bar, make("div", { class: "sisa-x-ends" }, ...this.ends))),
      this.plot, this.peak);
    this.listen();
  }

  resize(side) {
    this.side = side;
    const width = MARGIN.left + side + MARGIN.right, height = MARGIN.top + side + MARGIN.bottom;
    this.plot.style.width = `${width}px`;
    this.plot.style.height = `${height}px`;
    this.context = fitCanvas(this.overlay, width, height);
    this.image.style.cssText = `left:${MARGIN.left}px;top:${MARGIN.top}px;width:${side}px;height:${side}px`;
  }

  setWindow(window) {
    this.frame = new Frame(window, this.side);
    this.element.classList.toggle("sisa-x-numbered", !this.frame.keys.labelled);
  }

  /** The picture at its own resolution: one bin a pixel; the browser enlarges it with hard edges. */
  show(pixels, rows, cols) {
    this.image.width = cols;
    this.image.height = rows;
    this.image.getContext("2d").putImageData(new ImageData(pixels, cols, rows), 0, 0);
  }

  decorate(look, marks) {
    if (!this.frame) return;
    this.context.clearRect(0, 0, MARGIN.left + this.side + MARGIN.right, MARGIN.top + this.side + MARGIN.bottom);
    drawFrame(this.context, this.frame, look, { ...marks, brush: this.brush });
  }

  /** `clipped`: values beyond the bar's ends exist and keep the end colours. */
  legend(stops, low, high, clipped, peakText) {
    this.bar.style.background = `linear-gradient(to right, ${stops.join(", ")})`;
    const texts = [(low && clipped ? "≤ " : "") + brief(low), low ? "0" : "", (clipped ? "≥ " : "") + brief(high)];
    this.ends.forEach((end, n) => { end.textContent = texts[n]; });
    this.colourBar = { stops, texts };
    this.peak.textContent = peakText;
  }

  listen() {
    const { overlay } = this;
    overlay.addEventListener("pointerdown", (event) => this.down(event));
    overlay.addEventListener("pointermove", (event) => this.move(event));
    overlay.addEventListener("pointerup", (event) => this.up(event));
    overlay.addEventListener("pointercancel", () => this.cancel());
    overlay.addEventListener("pointerleave", () => this.on.leave());
    overlay.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    overlay.addEventListener("mousedown", (event) => {
      if (moves(event)) event.preventDefault(); // Shift would mark text, the middle button scroll the page
    });
    overlay.addEventListener("dblclick", () => this.on.reset());
  }

  down(event) {
    if (event.button > 1 || !this.frame?.cell(event.offsetX, event.offsetY)) return;
    this.overlay.setPointerCapture(event.pointerId);
    this.from = { x: event.offsetX, y: event.offsetY, moved: moves(event) && this.frame };
  }

  move(event) {
    const to = { x: event.offsetX, y: event.offsetY };
    if (this.from?.moved) return this.carry(to);
    if (this.from && this.isDrag(to)) this.brush = this.box(to);
    this.on.hover(this.frame?.cell(to.x, to.y) ?? null, this, event);
  }

  up(event) {
    if (!this.from) return;
    const to = { x: event.offsetX, y: event.offsetY }, cell = this.frame.cell(to.x, to.y);
    const isDrag = this.isDrag(to), brush = isDrag && !this.from.moved ? this.box(to) : null;
    this.cancel();
    if (brush) this.on.zoom(this.windowOf(brush));
    else if (cell && !isDrag && event.button === 0) this.on.lock(cell.query);
  }

  /** The window that was there at the start, moved along with the pointer. */
  carry({ x, y }) {
    const { queries, keys } = this.from.moved, window = [queries.start, queries.stop, keys.start, keys.stop];
    this.on.move(window, Math.round((this.from.y - y) / queries.cell), Math.round((this.from.x - x) / keys.cell));
  }

  wheel(event) {
    const { offsetX: x, offsetY: y } = event;
    if (this.frame?.cell(x, y)) this.on.wheel({ query: this.frame.queries.place(y), key: this.frame.keys.place(x) }, event);
  }

  cancel() {
    this.from = this.brush = null;
    this.on.leave();
  }

  isDrag({ x, y }) {
    return Math.hypot(x - this.from.x, y - this.from.y) > CLICK;
  }

  /** The dragged rectangle, kept inside the picture. */
  box({ x, y }) {
    const inside = (at, low) => Math.max(low, Math.min(low + this.side - 1, at));
    const x1 = inside(x, MARGIN.left), y1 = inside(y, MARGIN.top);
    return {
      x: Math.min(this.from.x, x1), width: Math.abs(x1 - this.from.x),
      y: Math.min(this.from.y, y1), height: Math.abs(y1 - this.from.y),
    };
  }

  windowOf({ x, y, width, height }) {
    const { queries, keys } = this.frame;
    return [queries.position(y), queries.position(y + height) + 1, keys.position(x), keys.position(x + width) + 1];
  }
}
