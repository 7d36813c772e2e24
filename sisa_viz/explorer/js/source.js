// A packed trace: its description (JSON) and one block of bytes a head, checked before anything is shown.

import { whole } from "./labels.js";
import { blockBytes, decodeHead } from "./maths.js";

const SCHEMA = "sisa-explorer/1";

export class PackedTrace {
  /** `meta` as text or null; `blocks.count` and `blocks.bytes(index)` give the heads, layer by layer. */
  constructor(meta, blocks) {
    this.meta = readMeta(meta);
    this.blocks = blocks;
    const { n, d_head, d_state, encoding, layers, heads } = this.meta;
    this.spec = { n, d_head, d_state, encoding };
    this.count = layers.length * heads.length;
    blocks.check(this.count, blockBytes(this.spec), (index) => this.nameOf(index));
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

  bytes(index) {
    return this.blocks.bytes(index);
  }

  decode(index) {
    return decodeHead(this.bytes(index), this.spec, this.info(index).lam);
  }
}

function readMeta(text) {
  let meta = null;
  try {
    meta = JSON.parse(text);
  } catch {
    throw new Error(`the trace's description cannot be read. ${REMEDY}`);
  }
  if (meta?.schema !== SCHEMA) {
    throw new Error(`the data says it is ${JSON.stringify(meta?.schema)}, this page reads "${SCHEMA}". ${REMEDY}`);
  }
  return meta;
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

  check(count, size) {
    if (this.all.byteLength !== count * size) throw damaged("the trace", this.all.byteLength, count * size, "bytes");
    this.size = size;
  }

  bytes(index) {
    return this.all.subarray(index * this.size, (index + 1) * this.size);
  }
}

/** One base64 text a head, as a page holds them; a head is decoded when it is asked for. */
export class PageBlocks {
  constructor(elements) {
    this.elements = Array.from(elements);
  }

  check(count, size, nameOf) {
    const expected = 4 * Math.ceil(size / 3);
    for (let index = 0; index < count; index++) {
      const got = this.elements[index]?.textContent.length ?? 0;
      if (got !== expected) throw damaged(nameOf(index), got, expected, "characters");
    }
  }

  bytes(index) {
    return fromBase64(this.elements[index].textContent);
  }
}

function fromBase64(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const raw = atob(text);
  return Uint8Array.from({ length: raw.length }, (_, i) => raw.charCodeAt(i));
}
