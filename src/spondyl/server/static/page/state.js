// What the page knows. Modules change it through these functions and listen to its events:
// `cases` (the list), `current` (another scan is open, or its state changed), `result`, `selected`.

class State extends EventTarget {
  /** Scans as the server describes them, in the order asked for. */
  cases = [];
  /** Uploads on their way: {name, part, cancel}. */
  uploads = [];
  /** "newest" or "uncertain". */
  order = "newest";
  /** Id of the open scan, or null. */
  current = null;
  /** result.json of the open scan, once there. */
  result = null;
  /** Name of the chosen vertebra, or null. */
  selected = null;

  get openCase() {
    return this.cases.find((one) => one.id === this.current) ?? null;
  }

  /** The chosen vertebra, as in result.json. */
  get vertebra() {
    return this.result?.vertebrae.find((one) => one.name === this.selected) ?? null;
  }

  tell(event) {
    this.dispatchEvent(new Event(event));
  }

  on(events, listener) {
    for (const event of events.split(" ")) this.addEventListener(event, listener);
  }

  setCases(cases) {
    const before = JSON.stringify(this.openCase);
    this.cases = cases;
    this.tell("cases");
    if (JSON.stringify(this.openCase) !== before) this.tell("current");
  }

  /** A scan is new or has changed; says whether it was known, and in the same state. */
  putCase(one) {
    const place = this.cases.findIndex(({ id }) => id === one.id);
    const same = place >= 0 && this.cases[place].state === one.state;
    if (place >= 0) this.cases[place] = one;
    else this.cases.unshift(one);
    this.tell("cases");
    if (one.id === this.current) this.tell("current");
    return same;
  }

  dropCase(id) {
    this.cases = this.cases.filter((one) => one.id !== id);
    this.tell("cases");
  }

  open(id) {
    if (id === this.current) return;
    this.current = id;
    this.result = null;
    this.selected = null;
    this.tell("current");
  }

  /** A new result of the open scan; the chosen vertebra stays chosen, whatever its name is now. */
  setResult(result) {
    const before = this.vertebra?.centroid_mm;
    this.result = result;
    this.selected = before ? nearest(result.vertebrae, before) : null;
    this.tell("result");
  }

  select(name) {
    this.selected = name;
    this.tell("selected");
  }
}

function nearest(vertebrae, [x, y, z]) {
  const away = ({ centroid_mm: [a, b, c] }) => Math.hypot(a - x, b - y, c - z);
  return vertebrae.reduce((best, one) => (!best || away(one) < away(best) ? one : best), null)?.name ?? null;
}

export const state = new State();
