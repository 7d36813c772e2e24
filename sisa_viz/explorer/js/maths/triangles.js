// A head whose two products fit into memory: packed triangles, of which any window is pooled at once and exactly.

import { productMaps } from "./maths.js";
import { Grid, poolMap, poolScores } from "./pool.js";

export class Triangles {
  /** `old`, if it has the size, is written over. */
  constructor(head, old) {
    this.maps = productMaps(head, old?.maps);
    this.n = head.n;
    this.weighing = head.weighing;
    this.peaks = { ...this.maps.peaks };
    this.gridKey = this.peaksScale = null;
  }

  /** Products are pooled once a window; a λ step pools scores and pattern alone. */
  view({ window, rows, cols, lamScale }) {
    const gridKey = [...window, rows, cols].join();
    if (gridKey !== this.gridKey) {
      this.grid = new Grid(window, rows, cols);
      this.pools = { content: poolMap(this.maps.content, this.grid), importance: poolMap(this.maps.importance, this.grid) };
      this.gridKey = gridKey;
      this.scoresKey = null;
    }
    if (lamScale !== this.scoresKey) this.poolScores(lamScale);
    return { grid: this.grid, pools: this.pools, peaks: this.peaks, norms: this.norms, exact: true };
  }

  poolScores(lamScale) {
    const { scores, pattern, peaks, norms } = poolScores(this.maps, lamScale, this.grid, lamScale !== this.peaksScale);
    Object.assign(this.pools, { scores, pattern });
    if (peaks) {
      Object.assign(this.peaks, peaks);
      this.norms = norms;
    }
    this.scoresKey = this.peaksScale = lamScale;
  }
}
