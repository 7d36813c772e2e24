// What the keyboard does to an explorer, and the list of it.

import { make } from "./dom.js";

const wholeMap = (explorer) => explorer.set({ window: null });
const lamScaled = (lam_scale) => (explorer) => explorer.trace.hasLam && explorer.set({ lam_scale });

/** Lines of the list: keys as they are printed, what they do, and the actions by the names of the keys. */
const LINES = [
  ["← →", "previous and next head", { ArrowLeft: (explorer) => explorer.step("head", -1), ArrowRight: (explorer) => explorer.step("head", 1) }],
  ["↑ ↓", "previous and next layer", { ArrowUp: (explorer) => explorer.step("layer", -1), ArrowDown: (explorer) => explorer.step("layer", 1) }],
  ["0", "λ off", { 0: lamScaled(0) }],
  ["1", "the trained λ", { 1: lamScaled(1) }],
  ["+ −", "zoom around the locked query and its strongest key", { "+": (explorer) => explorer.zoom(0.5), "-": (explorer) => explorer.zoom(2) }],
  ["r, Escape", "the whole map", { r: wholeMap, Escape: wholeMap }],
  ["/", "find in the text; Enter and Shift Enter go to the next and the previous hit", { "/": (explorer) => explorer.find.focus() }],
  ["?", "this list", { "?": (explorer) => explorer.help.open() }],
  ["← → ↑ ↓ Home End", "in the text: move the query", {}],
  ["click", "lock a query, in a panel or in the text", {}],
  ["drag", "zoom into a rectangle; a double click goes back", {}],
  ["Shift drag", "move a zoomed map; so does the middle button", {}],
  ["wheel", "zoom at the pointer, with Ctrl or once a panel has been clicked", {}],
];
const ACTIONS = Object.assign({}, ...LINES.map(([, , actions]) => actions));

/** Does what a key stands for, unless the reader is typing or the slider under the focus takes the arrow itself. */
export function pressed(event, explorer) {
  event.stopPropagation(); // JupyterLab would take the arrow keys
  const { target } = event, typing = target.matches("select, textarea, input:not([type=range])");
  if (typing || target.closest("dialog") || event.ctrlKey || event.metaKey || event.altKey) return;
  const slider = target.matches("input[type=range]");
  const action = ACTIONS[event.key];
  if (!action || (slider && event.key.startsWith("Arrow"))) return;
  event.preventDefault();
  action(explorer);
}

/** A dialog with the list; the browser closes it on Escape and gives the focus back. */
export class Help {
  constructor() {
    const close = make("button", { type: "button", onclick: () => this.element.close() }, "close");
    const lines = LINES.flatMap(([keys, words]) => [make("dt", {}, keys), make("dd", {}, words)]);
    this.element = make("dialog", { class: "sisa-x-help", "aria-label": "keys and pointer" },
      make("h3", {}, "keys and pointer"), make("dl", {}, ...lines), close);
  }

  open() {
    if (!this.element.open) this.element.showModal();
  }
}
