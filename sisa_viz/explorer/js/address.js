// The view stands in the page's address, after #, so that a link leads to it and a reload keeps it.

import { LAM_MOST } from "./view/controls.js";

/** "layer=1&head=4&lam_scale=1&query=20&window=0-9-0-9"; what is null is left out. */
export function addressOf(state) {
  const said = Object.entries(state).filter(([, value]) => value !== null && value !== undefined);
  return said.map(([name, value]) => `${name}=${Array.isArray(value) ? value.join("-") : value}`).join("&");
}

/** The values of an address that a trace can show; all else in it is as if it were not there. */
export function stateOf(hash, { layers, heads, n }) {
  const asked = new URLSearchParams(hash.replace(/^#/, "")), found = {};
  const take = (name, isLegal, read = Number) => {
    const text = asked.get(name);
    const value = text === null || text === "" ? undefined : read(text);
    if (value !== undefined && isLegal(value)) found[name] = value;
  };
  take("layer", (value) => layers.includes(value));
  take("head", (value) => heads.includes(value));
  take("lam_scale", (value) => value >= 0 && value <= LAM_MOST);
  take("query", (value) => Number.isInteger(value) && value >= 0 && value < n);
  take("window", ([q0, q1, k0, k1, more]) => more === undefined && isSpan(q0, q1, n) && isSpan(k0, k1, n), (text) => text.split("-").map(Number));
  return found;
}

const isSpan = (start, stop, n) => Number.isInteger(start) && Number.isInteger(stop) && start >= 0 && start < stop && stop <= n;

/** Follows a page's only explorer: its state is written to the address, and an address that changes is shown. */
export function followAddress(explorer) {
  const { model, trace } = explorer;
  const write = () => history.replaceState(null, "", `#${addressOf(explorer.state)}`);
  const read = () => explorer.set({ query: null, window: null, ...stateOf(location.hash, trace.meta) });
  if (location.hash) explorer.set(stateOf(location.hash, trace.meta));
  Object.keys(explorer.state).forEach((name) => model.on(`change:${name}`, write));
  addEventListener("hashchange", read);
}
