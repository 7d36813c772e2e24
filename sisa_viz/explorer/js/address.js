// The view stands in the page's address, after #, so that a link leads to it and a reload keeps it.

import { LAM_MOST } from "./view/controls.js";

/** "layer=1&head=4&lam_scale=1&query=20&window=0-9-0-9"; what is null is left out. */
export function addressOf(state) {
  const said = Object.entries(state).filter(([, value]) => value !== null && value !== undefined);
  return said.map(([name, value]) => `${name}=${encodeURIComponent(Array.isArray(value) ? value.join("-") : value)}`).join("&");
}

/** The values of an address that a trace can show; all else in it is as if it were not there. */
export function stateOf(hash, meta) {
  const take = reader(hash);
  return { ...placeIn(take, meta), ...sharedIn(take, meta) };
}

/** The same for a comparison; `state` is what it shows, for sides whose run the address does not name. */
export function comparisonStateOf(hash, { traces, meta }, state) {
  const take = reader(hash), found = sharedIn(take, meta);
  for (const side of ["a", "b"]) {
    const name = `run_${side}`, run = take(name, (value) => traces.has(value), String);
    Object.assign(found, run, placeIn(take, traces.get(run[name] ?? state[name]).meta, `_${side}`));
  }
  return { ...found, ...take("part", (value) => meta.parts.includes(value), String) };
}

/** take(name, isLegal, read): {name: value} of a legal value, else {} */
function reader(hash) {
  const asked = new URLSearchParams(hash.replace(/^#/, ""));
  return (name, isLegal, read = Number) => {
    const text = asked.get(name);
    const value = text === null || text === "" ? undefined : read(text);
    return value !== undefined && isLegal(value) ? { [name]: value } : {};
  };
}

const placeIn = (take, { layers, heads }, side = "") => ({
  ...take(`layer${side}`, (value) => layers.includes(value)),
  ...take(`head${side}`, (value) => heads.includes(value)),
  ...take(`lam_scale${side}`, (value) => value >= 0 && value <= LAM_MOST),
});

const sharedIn = (take, { n }) => ({
  ...take("query", (value) => Number.isInteger(value) && value >= 0 && value < n),
  ...take("window", ([q0, q1, k0, k1, more]) => more === undefined && isSpan(q0, q1, n) && isSpan(k0, k1, n), (text) => text.split("-").map(Number)),
});

const isSpan = (start, stop, n) => Number.isInteger(start) && Number.isInteger(stop) && start >= 0 && start < stop && stop <= n;

/** Follows a page's only explorer: its state is written to the address, and an address that changes is shown; stateIn(hash) */
export function followAddress(explorer, stateIn) {
  const { model } = explorer;
  const write = () => history.replaceState(null, "", `#${addressOf(explorer.state)}`);
  const read = () => explorer.set({ query: null, window: null, ...stateIn(location.hash) });
  if (location.hash) explorer.set(stateIn(location.hash));
  Object.keys(explorer.state).forEach((name) => model.on(`change:${name}`, write));
  addEventListener("hashchange", read);
}
