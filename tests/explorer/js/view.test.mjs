import assert from "node:assert/strict";
import { test } from "node:test";
import { js } from "./cases.mjs";

const { brief, fixed, percent, readable, shortened, visible } = await js("maths/labels");
const { Axis, drawFrame, Frame, MARGIN, niceStep } = await js("view/frame");
const { middleOf, moved, resized, zoomed, zoomedAt } = await js("maths/zoom");
const { BufferBlocks, PackedTrace, PageBlocks, readMeta } = await js("maths/source");
const { Link } = await js("view/link");
const { PageModel } = await js("index");
const { TextIndex } = await js("view/find");
const { gapBetween } = await js("view/reading");

test("labels show what cannot be seen, and nothing else changes", () => {
  assert.equal(visible(" the\n\t"), "·the⏎⇥");
  assert.equal(visible("\u0000\u202e\ud800\u200b"), "⟨U+0000⟩⟨U+202E⟩⟨U+D800⟩⟨U+200B⟩");
  assert.equal(visible("</script><b>&amp;"), "</script><b>&amp;");
  assert.equal(visible("👩‍💻é中"), "👩‍💻é中");
  assert.equal(visible(""), "∅");
  assert.equal(shortened("a".repeat(60)), "a".repeat(60));
  assert.equal(shortened("😀".repeat(5000), 3), "😀😀😀… (10,000 characters)");
});

test("text to read has its own spaces and line breaks, also where labels have signs for them", () => {
  assert.equal(readable("·the⏎⇥x"), " the\n\tx");
  assert.equal(readable(" the\n\t\u202e"), " the\n\t⟨U+202E⟩");
  assert.equal(readable(""), "∅");
  assert.equal(shortened("a·".repeat(5000), 3, readable), "a a… (10,000 characters)");
  assert.deepEqual([gapBetween(["17", "4", "x"]), gapBetween(["the", "·cat"]), gapBetween(["the", " cat"])], [" ", "", ""]);
});

test("numbers have true minus signs and no negative zero", () => {
  assert.deepEqual([fixed(-1.5, 4), fixed(-0.00001, 4), fixed(NaN, 4), brief(-0.25), brief(12345), brief(0)],
    ["−1.5000", "0.0000", "–", "−0.25", "1.2e+4", "0"]);
  assert.deepEqual([percent(0.1234), percent(undefined)], ["12.3 %", "–"]);
});

test("an axis maps positions to pixels and back, and thins its ticks", () => {
  const axis = new Axis(100, 300, 50, 400);
  for (let at = 100; at < 300; at++) assert.equal(axis.position(axis.pixel(at + 0.5)), at);
  assert.deepEqual([axis.position(-9), axis.position(999)], [100, 299]);
  assert.deepEqual(axis.ticks(), [100, 150, 200, 250]);
  assert.deepEqual(new Axis(4, 8, 0, 400).ticks(), [4, 5, 6, 7]);
  assert.deepEqual([0.3, 1, 3, 7, 12, 230].map(niceStep), [1, 1, 5, 10, 20, 500]);
});

test("a frame finds the cell under the pointer, and none in the margins", () => {
  const frame = new Frame([10, 20, 0, 40], 200);
  assert.deepEqual(frame.cell(MARGIN.left + 1, MARGIN.top + 1), { query: 10, key: 0 });
  assert.deepEqual(frame.cell(MARGIN.left + 199, MARGIN.top + 199), { query: 19, key: 39 });
  assert.equal(frame.cell(MARGIN.left - 1, 50), null);
  assert.equal(frame.cell(80, MARGIN.top + 200), null);
});

test("edges of a span go down the map, but stop at the diagonal where they would cover it", () => {
  const bottoms = (range) => {
    const ends = [], canvas = new Proxy({}, { get: (_, name) => (name === "lineTo" ? (x, y) => ends.push(y) : () => {}), set: () => true });
    const frame = new Frame([0, 1000, 0, 1000], 200);
    drawFrame(canvas, frame, {}, { tokens: [], spans: [{ range, colour: "#000" }], query: null });
    return ends;
  };
  assert.deepEqual(bottoms([300, 400]), [MARGIN.top + 200, MARGIN.top + 200]);
  assert.deepEqual(bottoms([300, 310]), [MARGIN.top + 60, MARGIN.top + 60]);
});

test("zoom keeps its centre and stays inside", () => {
  assert.deepEqual(resized(0, 100, 50, 0.5, 100), [25, 75]);
  assert.deepEqual(resized(0, 100, 3, 0.5, 100), [0, 50]);
  assert.deepEqual(resized(25, 75, 50, 4, 100), [0, 100]);
  assert.deepEqual(resized(10, 12, 11, 0.5, 100), [10, 12]);
});

test("a zoom at the pointer leaves the place under it where it is", () => {
  const place = { query: 60, key: 30 }, [q0, q1, k0, k1] = zoomedAt([0, 100, 0, 80], place, 0.5, 100);
  assert.deepEqual([q0, q1, k0, k1], [30, 80, 15, 55]);
  assert.equal((60 - q0) / (q1 - q0), 0.6);
  assert.deepEqual(zoomedAt([0, 50, 0, 50], { query: 0, key: 0 }, 0.5, 100), [0, 25, 0, 25]);
  assert.equal(zoomedAt([30, 80, 15, 65], place, 4, 100), null);
});

test("a zoom without a pointer goes to the cell, to the middle, or to the diagonal where the middle is empty", () => {
  assert.deepEqual(middleOf([0, 40, 0, 40], { query: 30, key: 2 }), { query: 30.5, key: 2.5 });
  assert.deepEqual(middleOf([20, 40, 0, 10], null), { query: 30, key: 5 });
  assert.deepEqual(middleOf([0, 20, 20, 40], null), { query: 20, key: 20 });
  const window = [0, 20, 10, 30], [q0, q1, k0, k1] = zoomed(window, middleOf(window, null), 0.5, 40);
  assert.ok(k0 + k1 <= q0 + q1, "half of the picture is below the diagonal");
  assert.deepEqual(zoomed([0, 40, 0, 40], middleOf([0, 40, 0, 40], null), 0.5, 40), [10, 30, 10, 30]);
});

test("a moved window keeps its size and stays on the map", () => {
  assert.deepEqual(moved([10, 20, 5, 15], 3, -2, 40), [13, 23, 3, 13]);
  assert.deepEqual(moved([10, 20, 5, 15], 99, -99, 40), [30, 40, 0, 10]);
  assert.equal(moved([0, 40, 0, 40], 3, 3, 40), null);
});

test("text is found in tokens and across them, by its spaces or by their signs, and positions by number", () => {
  const index = new TextIndex(["The", "·secret", "·co", "de", "⏎", "The", "·Secret", "<b>"]);
  assert.deepEqual(index.find("secret"), [[1, 1], [6, 6]]);
  assert.deepEqual(index.find("the secret c"), [[0, 2]]);
  assert.deepEqual(index.find("·code"), [[2, 3]]);
  assert.deepEqual(index.find("e"), [[0, 0], [1, 1], [3, 3], [5, 5], [6, 6]]);
  assert.deepEqual(index.find("de⏎the"), [[3, 5]]);
  assert.deepEqual(index.find("<B>"), [[7, 7]]);
  assert.deepEqual([index.find(""), index.find("codes"), index.find("#8"), index.find("#7")], [[], [], [], [[7, 7]]]);
  assert.deepEqual(new TextIndex(["17", "4"]).find("17 4"), [[0, 1]]);
});

const meta = (changes = {}) => JSON.stringify({
  schema: "sisa-explorer/1", n: 4, d_head: 2, d_state: 0, layers: [3], heads: [0, 5], info: [{ lam: 0, encoding: "float32" }, { lam: 0, encoding: "float32" }], ...changes,
});
const packed = (text, blocks) => new PackedTrace(readMeta(text), blocks);
const buffer = (bytes) => new BufferBlocks(new DataView(new ArrayBuffer(bytes)));

test("a packed trace knows its heads by their own numbers", () => {
  const trace = packed(meta(), buffer(128));
  assert.equal(trace.index(3, 5), 1);
  assert.equal(trace.index(3, 1), -1);
  assert.equal(trace.index(0, 5), -1);
  assert.deepEqual(trace.place(1), { layer: 3, head: 5 });
  assert.equal(trace.nameOf(1), "L3H5");
  assert.equal(trace.decode(1).q.length, 8);
});

test("heads of different encodings lie behind one another", () => {
  const info = [{ lam: 0, encoding: "fixed16" }, { lam: 0, encoding: "float32" }];
  const trace = packed(meta({ info }), buffer(36 + 64));
  assert.deepEqual([0, 1].map((index) => trace.bytes(index).length), [36, 64]);
  assert.equal(trace.decode(0).k.length, 8);
  assert.throws(() => packed(meta({ info }), buffer(128)), /the trace has 128 of 100 bytes/);
});

test("foreign, unreadable and cut-off data are named", () => {
  assert.throws(() => packed(null, buffer(128)), /says it is undefined, this page reads "sisa-explorer\/1"/);
  assert.throws(() => packed('{"schema": "sisa-', buffer(128)), /description cannot be read\. Make it again/);
  assert.throws(() => packed(meta({ schema: "other" }), buffer(128)), /says it is "other"/);
  assert.throws(() => packed(meta(), buffer(127)), /the trace has 127 of 128 bytes/);
  const texts = (...lengths) => new PageBlocks(lengths.map((length) => ({ textContent: "A".repeat(length) })));
  assert.equal(packed(meta(), texts(88, 88)).bytes(1).length, 66);
  assert.throws(() => packed(meta(), texts(88, 87)), /L3H5 has 87 of 88 characters/);
  assert.throws(() => packed(meta(), texts(88)), /L3H5 has 0 of 88 characters/);
});

test("a page's model tells listeners about changes only", () => {
  const model = new PageModel({ head: 1 }), heard = [], listen = () => heard.push(model.get("head"));
  model.on("change:head", listen);
  model.set("head", 1);
  model.set("head", 2);
  model.off("change:head", listen);
  model.set("head", 3);
  assert.deepEqual(heard, [2]);
});

test("without a worker the work is done here; of waiting requests only the newest runs", async () => {
  assert.equal(typeof Worker, "undefined");
  const link = new Link(""), answers = [];
  await new Promise((resolve) => {
    for (const job of ["first", "second", "third"]) {
      link.ask(() => ({ job }), (answer) => {
        answers.push([job, Boolean(answer.error)]);
        if (job === "third") resolve();
      });
    }
  });
  assert.deepEqual(answers, [["first", true], ["third", true]]);
  link.close();
});

test("a picture from a sample is refined while nothing is asked, then made anew; anything newer takes its place", async () => {
  const asked = [], drawn = [], link = new Link("");
  let left = 3;
  link.worker.engine.answer = ({ job, key, window }) => {
    asked.push(job === "refine" ? job : window);
    if (job === "refine") return { exact: --left === 0 };
    assert.equal(key, 7);
    return { exact: left === 0, window };
  };
  const ask = (window, done) => link.ask(() => ({ job: "view", key: 7, window }), ({ exact }) => { drawn.push([window, exact]); done?.(); });
  await new Promise((resolve) => {
    ask("whole", () => {
      if (drawn.length === 1) ask("part", () => { if (drawn.at(-1)[1]) resolve(); });
    });
  });
  assert.deepEqual(asked, ["whole", "refine", "part", "refine", "refine", "part"]);
  assert.deepEqual(drawn, [["whole", false], ["part", false], ["part", true]]);
  link.worker.engine.answer = () => { throw new Error("broken"); };
  const error = await new Promise((resolve) => link.ask(() => ({ job: "view" }), (answer) => resolve(answer.error)));
  assert.equal(error, "broken");
  link.close();
});
