// A line to an Engine: in a Web Worker made from this module's own text, or on this page where a page may make none.
// At most one request runs; of those that wait only the newest is kept, so a fast slider never builds a queue.
// An answer may be a picture from a sample. Then the engine goes on, one slice a request, while nothing else is asked.

import { Engine } from "../maths/engine.js";

const inWorker = typeof WorkerGlobalScope !== "undefined" && self instanceof WorkerGlobalScope;

if (inWorker) {
  const engine = new Engine();
  self.onmessage = ({ data }) => {
    const { transfer, ...answer } = reply(engine, data);
    self.postMessage(answer, transfer ?? []);
  };
}

function reply(engine, { id, request }) {
  try {
    return { id, ...engine.answer(request) };
  } catch (error) {
    return { id, error: String(error.message ?? error) };
  }
}

/** Has Worker's postMessage, onmessage and terminate; the work is done between two turns of the page. */
class PageWorker {
  engine = new Engine();

  postMessage(message) {
    setTimeout(() => this.onmessage?.({ data: reply(this.engine, message) }));
  }

  terminate() {
    this.onmessage = null;
  }
}

/** The blob's address must live until the worker has loaded it, so it goes with the first answer. */
function startWorker(source) {
  if (typeof Worker === "undefined") return new PageWorker();
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  try {
    const worker = new Worker(url, { type: "module" });
    worker.addEventListener("message", () => URL.revokeObjectURL(url), { once: true });
    return worker;
  } catch {
    return new PageWorker();
  }
}

/** The next task for a picture that is not exact: more slices, then the same picture again; null where there is none. */
function following(task, { exact }) {
  const picture = task.picture ?? task;
  if (exact === false) return { picture, makeRequest: (key) => ({ job: "refine", key }), done: (answer) => answer.error && picture.done(answer) };
  return exact && task.picture ? picture : null;
}

export class Link {
  constructor(source) {
    this.source = source;
    this.start(startWorker(source));
  }

  start(worker) {
    this.worker = worker;
    this.held = null; // the key of the head whose data the engine holds
    this.id = 0;
    worker.onmessage = ({ data }) => this.received(data);
    worker.onerror = (event) => this.fallBack(event);
  }

  /** A worker that cannot even start (a page's security policy) reports an error event: do its work here. */
  fallBack(event) {
    event.preventDefault?.();
    if (this.worker instanceof PageWorker) return;
    this.worker.terminate();
    this.start(new PageWorker());
    if (this.running) this.post(this.running);
  }

  /** makeRequest(held key) is called when the request starts. `done(answer)` is called unless a newer request replaces this one before it starts. */
  ask(makeRequest, done) {
    const task = { makeRequest, done };
    if (this.running) this.waiting = task;
    else this.post(task);
  }

  post(task) {
    this.running = task;
    const request = task.makeRequest(this.held);
    this.held = request.key;
    this.worker.postMessage({ id: ++this.id, request });
  }

  received({ id, ...answer }) {
    if (id !== this.id) return;
    const { running } = this, next = this.waiting ?? following(running, answer);
    this.running = this.waiting = null;
    if (answer.error) this.held = null;
    if (next) this.post(next);
    running.done(answer);
  }

  close() {
    this.worker.terminate();
    this.running = this.waiting = null;
  }
}
