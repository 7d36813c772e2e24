// A panel of a picture: its title, its two axes, and the functions from values to places inside it.

import { linear, ticks } from "../maths/axis.js";
import { fixed } from "../../../explorer/js/maths/labels.js";
import { line, svg } from "./svg.js";

const LEFT = 46, RIGHT = 12, ABOVE = 26, BELOW = 20, LABEL = 18;

/**
 * Draws the frame of a panel and returns {element, x, y, bottom}: what to draw into, places of values, and where the
 * panel ends. `box` is {top, width, height} in CSS pixels, `across` and `up` are {low, high, label, most}; without a
 * label the axis across has ticks alone.
 */
export function panel({ top, width, height }, { title, across, up }) {
  const inner = { left: LEFT, right: width - RIGHT, top: top + ABOVE, bottom: top + height - BELOW - 4 - (across.label ? LABEL : 0) };
  const x = linear(across.low, across.high, inner.left, inner.right), y = linear(up.low, up.high, inner.bottom, inner.top);
  const element = svg("g", {});
  element.append(svg("text", { x: 0, y: top + 13, class: "title" }, title));
  for (const value of ticks(up.low, up.high, up.most ?? 4)) {
    element.append(line([[inner.left, y(value)], [inner.right, y(value)]], { class: value === 0 ? "zero" : "grid" }));
    element.append(svg("text", { x: inner.left - 6, y: y(value) + 4, class: "tick", "text-anchor": "end" }, short(value)));
  }
  for (const value of across.ticks ?? ticks(across.low, across.high, Math.max(2, Math.floor(width / 80)))) {
    element.append(svg("text", { x: x(value), y: inner.bottom + 16, class: "tick", "text-anchor": "middle" }, across.name ? across.name(value) : short(value)));
  }
  if (across.label) element.append(svg("text", { x: (inner.left + inner.right) / 2, y: inner.bottom + 16 + LABEL, class: "tick", "text-anchor": "middle" }, across.label));
  return { element, x, y, inner };
}

const short = (value) => fixed(value, Number.isInteger(value) ? 0 : Math.min(4, String(Math.abs(value)).split(".")[1].length));

/** A bar from zero to a value; `beside` moves it off its place. */
export const upright = ({ x, y }, at, value, { wide, name, beside = 0 }) => svg("rect", {
  x: x(at) + beside - wide / 2, width: wide, y: Math.min(y(0), y(value)), height: Math.abs(y(value) - y(0)), class: name,
});

/** Words over a bar. */
export const label = ({ x, y }, at, value, words) => svg("text", { x: x(at), y: y(value) - 5, class: "tick", "text-anchor": "middle" }, words);

/** What the colours of bars mean, beside each other: pairs of a class and its words. */
export function legend(y, entries) {
  let left = LEFT;
  const marks = entries.flatMap(([name, words]) => {
    const x = left;
    left += 36 + 6.5 * words.length; // wide enough for every usual font
    return [svg("rect", { x, y: y - 9, width: 10, height: 10, class: name }), svg("text", { x: x + 15, y, class: "tick" }, words)];
  });
  return svg("g", {}, ...marks);
}
