// Two ways in: anywidget calls render({model, el}); a standalone page calls mountAll(source).

import { comparisonStateOf, followAddress, stateOf } from "./address.js";
import { COMPARED, Comparison } from "./comparison.js";
import { make } from "./view/dom.js";
import { Explorer, STATE } from "./explorer.js";
import { hearAgain } from "./hear.js";
import { pressed } from "./view/keys.js";
import { COMPARISON, ComparedRuns } from "./maths/runs.js";
import { BufferBlocks, PackedTrace, PageBlocks, readMeta } from "./maths/source.js";
import { request, SilenceBar } from "./view/silence.js";

/**
 * Shows a trace in `root`, or several side by side, or says why they cannot be shown; returns the view or null. An
 * explorer that is there already takes the trace over where it is another run of the same text, and is closed otherwise.
 */
function open(model, root, metaText, blocks, source, there = null) {
  try {
    const meta = readMeta(metaText), isComparison = meta?.schema === COMPARISON;
    const data = isComparison ? new ComparedRuns(meta, blocks) : new PackedTrace(meta, blocks);
    if (there?.takeOver(data)) return there;
    there?.close();
    return isComparison ? new Comparison(model, root, data, source) : new Explorer(model, root, data, source);
  } catch (error) {
    there?.close();
    root.replaceChildren(make("p", { class: "sisa-x-error", role: "alert" }, `This trace cannot be shown: ${error.message}`));
    root.dataset.drawn = "error";
    return null;
  }
}

// ---- notebook

function initialize({ model }) {
  hearAgain(model).catch(() => {}); // another front end may keep its models elsewhere
}

function render({ model, el }) {
  const root = make("div", { class: "sisa-x" });
  const ask = textForm(model), bar = new SilenceBar(model);
  el.append(...(ask ? [ask.element] : []), bar.element, root);
  let explorer = null;
  const start = () => {
    if (!model.get("meta")) return;
    explorer = open(model, root, model.get("meta"), new BufferBlocks(model.get("data")), model.get("_esm"), explorer);
  };
  const changed = () => queueMicrotask(start);
  model.on("change:meta", changed);
  start();
  return () => {
    model.off("change:meta", changed);
    ask?.close();
    bar.close();
    explorer?.close();
  };
}

/** Text mode: what is typed goes to Python, which captures it and sends a new trace. */
function textForm(model) {
  if (!model.get("text_mode")) return null;
  const text = make("textarea", { rows: 2, "aria-label": "text to capture", placeholder: "Type text, then press Show" });
  const message = make("p", { role: "status", class: "sisa-x-message" });
  const button = make("button", { type: "submit" }, "Show");
  const send = (event) => {
    event.preventDefault();
    message.textContent = "capturing …";
    request(model, { text: text.value });
  };
  const element = make("form", { class: "sisa-x-text", onsubmit: send }, text, button, message);
  element.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) send(event);
  });
  const show = () => { message.textContent = model.get("message"); };
  model.on("change:message", show);
  show();
  return { element, close: () => model.off("change:message", show) };
}

export default { initialize, render };

// ---- standalone page

/** Holds state where there is no kernel; the part of anywidget's model that the explorer uses. */
export class PageModel {
  constructor(state) {
    this.state = { ...state };
    this.listeners = new Map();
  }

  get(name) {
    return this.state[name];
  }

  set(name, value) {
    if (this.state[name] === value) return;
    this.state[name] = value;
    this.listeners.get(`change:${name}`)?.forEach((listener) => listener());
  }

  save_changes() {}

  on(name, listener) {
    if (!this.listeners.has(name)) this.listeners.set(name, new Set());
    this.listeners.get(name).add(listener);
  }

  off(name, listener) {
    this.listeners.get(name)?.delete(listener);
  }
}

/**
 * Starts every explorer of the page. Each is a <div class="sisa-x" data-explorer="id"> whose description and blocks
 * lie in <script> elements of a type that no browser runs. Returns the explorers.
 */
export function mountAll(source) {
  const explorers = Array.from(document.querySelectorAll("div.sisa-x[data-explorer]"), (root) => {
    const find = (kind) => document.querySelectorAll(`script[data-${kind}="${CSS.escape(root.dataset.explorer)}"]`);
    const model = new PageModel(startState(find("meta")[0]));
    root.explorer = open(model, root, find("meta")[0]?.textContent, new PageBlocks(find("block")), source);
    return root.explorer;
  });
  if (explorers.length === 1 && explorers[0]) {
    document.addEventListener("keydown", (event) => unfocused(event, explorers[0]));
    followAddress(explorers[0], (hash) => stateIn(hash, explorers[0]));
  }
  return explorers;
}

const stateIn = (hash, view) => (view instanceof Comparison
  ? comparisonStateOf(hash, view.trace, view.state)
  : stateOf(hash, view.trace.meta));

/** Find and the list of keys answer before anything has the focus, where a page has one explorer. */
function unfocused(event, explorer) {
  if (event.target === document.body && "/?".includes(event.key)) pressed(event, explorer);
}

/** The saved state, or nothing where the description is damaged: PackedTrace reports that. */
function startState(element) {
  try {
    const { state, schema } = JSON.parse(element.textContent);
    return Object.fromEntries((schema === COMPARISON ? COMPARED : STATE).map((name) => [name, state[name]]));
  } catch {
    return {};
  }
}
