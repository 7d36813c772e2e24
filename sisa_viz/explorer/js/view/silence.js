// The bar over an explorer whose model can be run again: silence a term of the head on show, then compare before and after.

import { isDark, make, options, watchTheme } from "./dom.js";

const SIDES = ["before", "after"];
const HINT = "Sets it to zero and runs the text again: what becomes of the answer, the loss and the maps?";
const words = (term) => (term === "head" ? "all" : term);

/** Asks Python for something: {text}, {term} or {side}; the number makes the same request twice a change. */
export function request(model, asked) {
  model.set("request", { ...asked, number: (model.get("request")?.number ?? 0) + 1 });
  model.save_changes();
}

export class SilenceBar {
  constructor(model) {
    this.model = model;
    this.term = make("select", { "aria-label": "what is silenced" });
    this.head = make("b", {});
    this.outcome = make("p", { role: "status" });
    this.sides = SIDES.map((side) => make("button", { type: "button", onclick: () => request(model, { side }) }, side));
    this.toggle = make("span", { class: "sisa-x-sides", role: "group", "aria-label": "which run is shown" }, ...this.sides);
    this.element = make("form", { class: "sisa-x-silence", onsubmit: (event) => this.run(event) },
      make("label", {}, "silence ", this.term), make("span", {}, "of ", this.head),
      make("button", { type: "submit" }, "run again"), this.toggle, this.outcome);
    this.element.addEventListener("keydown", (event) => event.stopPropagation()); // JupyterLab would take the keys
    this.listen();
  }

  listen() {
    const { model } = this;
    const shown = {
      "change:terms": () => this.showTerms(),
      "change:layer change:head": () => { this.head.textContent = `L${model.get("layer")}H${model.get("head")}`; },
      "change:outcome": () => { this.outcome.textContent = model.get("outcome") || HINT; },
      "change:side": () => this.showSide(model.get("side")),
    };
    const pairs = Object.entries(shown).flatMap(([names, show]) => names.split(" ").map((name) => [name, show]));
    const themed = () => { this.element.dataset.theme = isDark() ? "dark" : "light"; };
    pairs.forEach(([name, show]) => { model.on(name, show); show(); });
    const unwatch = watchTheme(themed);
    themed();
    this.close = () => {
      unwatch();
      pairs.forEach(([name, show]) => model.off(name, show));
    };
  }

  showTerms() {
    const terms = this.model.get("terms") ?? [];
    options(this.term, terms.map((term) => [term, words(term)]));
    this.element.hidden = !terms.length;
  }

  showSide(side) {
    this.toggle.hidden = !side;
    this.sides.forEach((button, at) => button.setAttribute("aria-pressed", String(SIDES[at] === side)));
  }

  run(event) {
    event.preventDefault();
    this.outcome.textContent = "running …";
    request(this.model, { term: this.term.value });
  }
}
