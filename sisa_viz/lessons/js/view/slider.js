// A slider with its name and its value in words; the keyboard moves it as the browser has it.

import { make } from "../../../explorer/js/view/dom.js";

export class Slider {
  /**
   * steps: {least, most, step, start} of the input itself; value(position) is what a position means, words(value)
   * how a reader is told it; changed() is called after every move.
   */
  constructor(name, { least, most, step, start }, { value, words, changed }) {
    Object.assign(this, { meaning: value, words });
    this.input = make("input", { type: "range", min: String(least), max: String(most), step: String(step), oninput: () => { this.tell(); changed(); } });
    this.input.value = String(start);
    this.output = make("output", { "aria-live": "off" }); // the slider says the same words
    this.element = make("label", { class: "slider" }, make("span", {}, name), this.input, this.output);
    this.tell();
  }

  get value() {
    return this.meaning(Number(this.input.value));
  }

  tell() {
    const words = this.words(this.value);
    this.output.textContent = words;
    this.input.setAttribute("aria-valuetext", words);
  }
}
