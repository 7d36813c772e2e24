// The runs of a comparison: packed traces of one text, each under a name.

import { PackedTrace } from "./source.js";
import { panelTitles, WEIGHTS } from "./weights.js";

export const COMPARISON = "sisa-comparison/1";

export class ComparedRuns {
  /** meta: {title, n, tokens, spans, parts, colours, runs: [{name, meta, bytes}]}; blocks: those of all runs in a row */
  constructor(meta, blocks) {
    this.meta = meta;
    this.traces = new Map();
    let block = 0, byte = 0;
    for (const { name, meta: own, bytes } of meta.runs) {
      const count = own.layers.length * own.heads.length, part = blocks.part([block, block + count], [byte, byte + bytes]);
      this.traces.set(name, new PackedTrace({ ...own, tokens: meta.tokens }, part));
      block += count;
      byte += bytes;
    }
    const all = Array.from(this.traces.values());
    this.hasLam = all.some((trace) => trace.hasLam);
    this.kind = WEIGHTS[all[0].meta.weighing.score];
    this.titles = partTitles(all, meta.parts);
  }

  get names() {
    return Array.from(this.traces.keys());
  }
}

/** What the parts are called; a term that has two names goes by its general one. */
function partTitles(traces, parts) {
  const all = traces.map((trace) => panelTitles(trace.meta));
  const title = (part) => {
    const names = new Set(all.map((titles) => titles[part]).filter(Boolean));
    return names.size === 1 ? Array.from(names)[0] : part;
  };
  return Object.fromEntries(parts.map((part) => [part, title(part)]));
}
