// SVG without markup: every string becomes text or an attribute's value.

const NAMESPACE = "http://www.w3.org/2000/svg";

/** svg("rect", {x: 1, class: "plus"}, child, "text") */
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(NAMESPACE, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

/** A path through points [x, y]. */
export const line = (points, attributes) => svg("path", { d: `M${points.map(([x, y]) => `${round(x)} ${round(y)}`).join("L")}`, fill: "none", ...attributes });

/** A closed path through points [x, y]. */
export const area = (points, attributes) => svg("path", { d: `M${points.map(([x, y]) => `${round(x)} ${round(y)}`).join("L")}Z`, stroke: "none", ...attributes });

const round = (place) => Number(place.toFixed(2));
