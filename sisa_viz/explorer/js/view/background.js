// Work for which nobody waits: one job after another in a worker of its own.

import { Link } from "./link.js";

export class Background {
  constructor(source) {
    this.link = new Link(source);
  }

  /**
   * Does the jobs in their order; others that are still to be done are dropped. A job is {request, done}; finished() is
   * called after the last one, finished(message) after one that failed.
   */
  run(jobs, finished) {
    const turn = (this.turn = {});
    const next = (at) => {
      if (at === jobs.length) return finished();
      this.link.ask(() => jobs[at].request(), (answer) => {
        if (turn !== this.turn) return;
        if (answer.error) return finished(answer.error);
        jobs[at].done(answer);
        next(at + 1);
      });
    };
    next(0);
  }

  close() {
    this.turn = null;
    this.link.close();
  }
}
