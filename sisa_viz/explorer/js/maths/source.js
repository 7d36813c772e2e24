// A packed trace: its description (JSON) and one block of bytes a head, checked before anything is shown.

import { blockBytes, decodeHead } from "./decode.js";
import { whole } from "./labels.js";

const SCHEMA = "sisa-explorer/1";

export class PackedTrace {
  /** `meta` as readMeta returns it; `blocks.bytes(index)` gives the heads, layer by layer. */
  constructor(meta, blocks) {
    if (meta?.schema !== SCHEMA) {
      throw new Error(`the data says it is ${JSON.stringify(meta?.schema)}, this page reads "${SCHEMA}". ${REMEDY}`);
    }
    this.meta = meta;
    this.blocks = blocks;
    const { n, d_head, d_state, weighing, layers, heads } = this.meta;
    this.spec = { n, d_head, d_state, weighing };
    this.hasLam = d_state > 0 && this.meta.terms !== null; // neither attention alone nor a state space
    this.count = layers.length * heads.length;
    const sizes = Array.from({ length: this.count }, (_, index) => blockBytes(this.specOf(index)));
    blocks.check(sizes, (index) => this.nameOf(index));
  }

  /** −1 for a head that this trace does not have. */
  index(layer, head) {
    const { layers, heads } = this.meta;
    const row = layers.indexOf(layer), column = heads.indexOf(head);
    return row < 0 || column < 0 ? -1 : row * heads.length + column;
  }

  place(index) {
    const { layers, heads } = this.meta;
    return { layer: layers[Math.floor(index / heads.length)], head: heads[index % heads.length] };
  }

  nameOf(index) {
    const { layer, head } = this.place(index);
    return `L${layer}H${head}`;
  }

  info(index) {
    return this.meta.info[index];
  }

  /** How a head's bytes are to be read; heads that 16 bits would change too much come as float32. */
  specOf(index) {
    return { ...this.spec, encoding: this.info(index).encoding };
  }

  bytes(index) {
    return this.blocks.bytes(index);
  }

  decode(index) {
    return decodeHead(this.bytes(index), this.specOf(index), this.info(index).lam);
  }
}

/** The description from its text, or null from null. */
export function readMeta(text) {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`the trace's description cannot be read. ${REMEDY}`);
  }
}

const REMEDY = "Make it again from the trace file: sisa explore TRACE";

function damaged(name, got, expected, unit) {
  return new Error(`the data is cut off or damaged: ${name} has ${whole(got)} of `
    + `${whole(expected)} ${unit}. ${REMEDY}`);
}

/** All heads in one buffer, as a notebook sends them. */
export class BufferBlocks {
  constructor(view) {
    this.all = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  }

  check(sizes) {
    let at = 0;
    this.edges = [0, ...sizes.map((size) => (at += size))];
    if (this.all.byteLength !== at) throw damaged("the trace", this.all.byteLength, at, "bytes");
  }

  bytes(index) {
    return this.all.subarray(this.edges[index], this.edges[index + 1]);
  }

  /** One of several traces in a row. */
  part(blocks, [start, stop]) {
    return new BufferBlocks(this.all.subarray(start, stop));
  }
}

/** One base64 text a head, as a page holds them; a head is decoded when it is asked for. */
export class PageBlocks {
  constructor(elements) {
    this.elements = Array.from(elements);
  }

  check(sizes, nameOf) {
    sizes.forEach((size, index) => {
      const got = this.elements[index]?.textContent.length ?? 0, expected = 4 * Math.ceil(size / 3);
      if (got !== expected) throw damaged(nameOf(index), got, expected, "characters");
    });
  }

  bytes(index) {
    return fromBase64(this.elements[index].textContent);
  }

  part([start, stop]) {
    return new PageBlocks(this.elements.slice(start, stop));
  }
}

function fromBase64(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const raw = atob(text);
  return Uint8Array.from({ length: raw.length }, (_, i) => raw.charCodeAt(i));
}
