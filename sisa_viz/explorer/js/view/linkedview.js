// What a view of linked panels, text and table does with pointer, keys, theme and changes of its state.
// Whoever derives has names (of its state in the model), model, root, trace (of which meta has the tokens), numbers,
// panels, reading, box, spans, look, query, window, answer (the picture on show), shown (its window), place, set,
// redraw, themed and stateChanged.

import { blockAround, middleOf, zoomed, zoomedAt } from "../maths/zoom.js";
import { watchTheme } from "./dom.js";
import { pressed } from "./keys.js";

export class LinkedView {
  contrast = 1;
  hovered = null;
  closed = false;

  /** Follows keys, the room that the panels have, the model and the theme, until unlisten(). */
  listen() {
    const { root, model, names } = this, stop = new AbortController();
    root.addEventListener("keydown", (event) => pressed(event, this), { signal: stop.signal });
    const observer = new ResizeObserver(() => this.resized());
    observer.observe(this.panels.element);
    const changed = () => this.schedule();
    names.forEach((name) => model.on(`change:${name}`, changed));
    const unwatch = watchTheme(() => this.themed());
    this.unlisten = () => {
      stop.abort();
      unwatch();
      observer.disconnect();
      names.forEach((name) => model.off(`change:${name}`, changed));
    };
  }

  get state() {
    const state = Object.fromEntries(this.names.map((name) => [name, this.model.get(name) ?? null]));
    return { ...state, window: state.window?.length ? state.window : null };
  }

  /** What the picture on show depends on. */
  get picture() {
    return `${this.place} ${this.window}`;
  }

  /** One update for any number of changes that come together, as layer and head do. */
  schedule() {
    if (this.scheduled) return;
    this.scheduled = true;
    queueMicrotask(() => {
      this.scheduled = false;
      if (!this.closed) this.stateChanged();
    });
  }

  resized() {
    if (this.panels.fit()) this.redraw();
  }

  setContrast(factor) {
    this.contrast = factor;
    this.redraw();
  }

  get marks() {
    return { tokens: this.trace.meta.tokens, spans: this.spans, query: this.query ?? null, hover: this.hovered };
  }

  decorate() {
    this.panels.decorate(this.look, this.marks);
    this.reading.point(this.hovered);
  }

  hover(cell, panel, event) {
    if (!cell || this.answer?.at !== this.place) return this.leave();
    const block = blockAround(cell, this.shown, this.answer);
    const best = this.numbers.strongest(panel.part, block, this.answer.norms);
    if (!best) return this.leave();
    this.hoverCell(best, this.numbers.row(best.query), best.queries * (block[3] - block[2]), event);
  }

  /** numbers: of the cell's row; cells: how many the pixel under the pointer shows */
  hoverCell(cell, numbers, cells, event) {
    this.hovered = cell;
    this.box.show(cell, this.trace.meta.tokens, numbers, cells, this.pointer(event));
    this.decorate();
  }

  /** A token of the text: the cell that it stands for, or where nothing is locked or seen, the token alone. */
  hoverWord(at, event) {
    const { tokens } = this.trace.meta, cell = this.reading.cell(at), place = this.pointer(event);
    this.hovered = cell;
    if (cell) this.box.show(cell, tokens, this.numbers.row(cell.query), 1, place);
    else this.box.showToken(at, tokens[at], place);
    this.decorate();
  }

  /** Where a pointer is inside the view, and how large that is. */
  pointer({ clientX, clientY }) {
    const { left, top, width, height } = this.root.getBoundingClientRect();
    return { x: clientX - left, y: clientY - top, width, height };
  }

  leave() {
    this.hovered = null;
    this.box.hide();
    this.decorate();
  }

  /** Zooms around the locked query and its strongest key in `part`, if they are on show, to `factor` of what is shown. */
  zoomAround(part, factor) {
    const { window, query } = this, [q0, q1, k0, k1] = window;
    const key = query !== null && q0 <= query && query < q1 ? this.numbers.strongestKey(part, query, k0, k1) : null;
    this.set({ window: zoomed(window, middleOf(window, key === null ? null : { query, key }), factor, this.trace.meta.n) });
  }

  /** Zooms at the pointer. */
  wheel(place, event) {
    const factor = this.panels.turned(event, this.state.window === null);
    if (factor) this.set({ window: zoomedAt(this.window, place, factor, this.trace.meta.n) });
  }
}
