// What the keyboard does to an explorer.

const KEYS = {
  ArrowLeft: (explorer) => explorer.step("head", -1),
  ArrowRight: (explorer) => explorer.step("head", 1),
  ArrowUp: (explorer) => explorer.step("layer", -1),
  ArrowDown: (explorer) => explorer.step("layer", 1),
  0: (explorer) => explorer.trace.hasLam && explorer.set({ lam_scale: 0 }),
  1: (explorer) => explorer.trace.hasLam && explorer.set({ lam_scale: 1 }),
  "+": (explorer) => explorer.zoom(0.5),
  "-": (explorer) => explorer.zoom(2),
  r: (explorer) => explorer.set({ window: null }),
  Escape: (explorer) => explorer.set({ window: null }),
};

/** Does what a key stands for, unless the reader is typing or the slider under the focus takes the arrow itself. */
export function pressed(event, explorer) {
  event.stopPropagation(); // JupyterLab would take the arrow keys
  const { target } = event, typing = target.matches("select, textarea, input:not([type=range])");
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const slider = target.matches("input[type=range]");
  const action = KEYS[event.key];
  if (!action || (slider && event.key.startsWith("Arrow"))) return;
  event.preventDefault();
  action(explorer);
}
