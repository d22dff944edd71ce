// One scan as this page has seen and corrected it: a line of results, each the answer to a correction of the one before.
// What is begun while an earlier correction is on its way keeps its vertebra, whatever that is called by then.

export class Line {
  /** Somebody else corrected the scan: what was begun before is about a state that is no longer there. */
  broken = false;

  /** @param {string} id of the scan @param {object} result as result.json, with its etag */
  constructor(id, result) {
    this.id = id;
    this.result = result;
    this.keys = result.vertebrae.map(() => Symbol());
  }

  /** The answer to a correction of ours. */
  advance(result) {
    const left = this.result.vertebrae.map((one, n) => ({ one, key: this.keys[n] }));
    const take = (is) => left.splice(left.findIndex(is) >>> 0, 1)[0]?.key;
    const keys = result.vertebrae.map(({ centroid_mm: mm }) => take(({ one }) => String(one.centroid_mm) === String(mm)));
    this.keys = keys.map((key, n) => key ?? take(({ one }) => one.name === result.vertebrae[n].name) ?? Symbol()); // moved
    this.result = result;
  }

  /** What stays of a vertebra when it is renamed or moved. */
  keyOf(name) {
    return this.keys[this.result.vertebrae.findIndex((one) => one.name === name)];
  }

  /** What the vertebra is called now. */
  nameOf(key) {
    const found = this.result.vertebrae[this.keys.indexOf(key)];
    if (!found) throw new Error("That vertebra was deleted meanwhile, so nothing was changed.");
    return found.name;
  }

  /** Refuses what was meant for another state. */
  check() {
    if (this.broken)
      throw new Error("This scan was corrected elsewhere meanwhile, so nothing was changed; look at it again.");
  }
}
