// The way in: every lesson of the page is built from the data that lie in it.

import { make } from "../../explorer/js/view/dom.js";
import { DecayLesson } from "./decay.js";
import { DialLesson } from "./dial.js";
import { LevelsLesson } from "./levels.js";
import { SeedsLesson } from "./seeds.js";

const LESSONS = { decay: DecayLesson, dial: DialLesson, levels: LevelsLesson, seeds: SeedsLesson };

for (const root of document.querySelectorAll("section.sisa-lesson")) {
  try {
    new LESSONS[root.dataset.lesson](root.querySelector(".stage"), JSON.parse(root.querySelector("script").textContent));
    root.dataset.drawn = "all";
  } catch (error) {
    root.querySelector(".stage").replaceChildren(make("p", { role: "alert" }, `This lesson cannot be shown: ${error.message}`));
    root.dataset.drawn = "error";
  }
}
