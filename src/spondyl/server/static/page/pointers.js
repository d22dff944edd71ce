// Mouse, pen and fingers on a picture: one of them drags or clicks, two fingers pinch.

/** Less movement than this is a click, pixels; fingers are less steady. */
const CLICK_PX = 4;
const TAP_PX = 10;

export const slackOf = ({ pointerType }) => (pointerType === "touch" ? TAP_PX : CLICK_PX);

/** Where in a cell an event is, pixels, whatever in the cell it is about. */
export function placeIn(cell, { clientX, clientY }) {
  const box = cell.getBoundingClientRect();
  return { x: clientX - box.left, y: clientY - box.top };
}

/**
 * @param {Viewer} viewer
 * @param {HTMLElement} cell of the picture
 * @param {object} actions
 * @param {function(PointerEvent)} actions.start pressed; by a finger only once it is no pinch: when it moves or is lifted
 * @param {function(PointerEvent, number, number)} actions.move dragged by pixels
 * @param {function(PointerEvent)} actions.click pressed and released in one place
 * @param {function(number, number, number, number, number)} actions.pinch two fingers went apart by a factor around a
 * point, x and y in pixels of the cell, and took it along by dx and dy
 */
export function pointers(viewer, cell, { start, move, click, pinch }) {
  let single = new AbortController();
  twoFingers(viewer, cell, pinch, () => single.abort());

  cell.addEventListener("pointerdown", (event) => {
    const isFinger = event.pointerType === "touch";
    const control = event.target.closest("button");
    // A finger that drags may begin on a name, or on a centre that is not chosen: they cover much of a small picture.
    if ((control && !(isFinger && control.closest(".markers"))) || !viewer.isLoaded) return;
    const stop = (single = new AbortController());
    let last = { x: event.clientX, y: event.clientY };
    let far = false;
    if (!control) cell.setPointerCapture(event.pointerId);
    if (!isFinger) start(event);
    const listen = (name, run) =>
      cell.addEventListener(name, (now) => now.pointerId === event.pointerId && run(now), { signal: stop.signal });
    listen("pointermove", (now) => {
      const [dx, dy] = [now.clientX - last.x, now.clientY - last.y];
      if (!far && Math.hypot(dx, dy) < slackOf(event)) return;
      if (!far && isFinger) start(now);
      far = true;
      move(now, dx, dy);
      last = { x: now.clientX, y: now.clientY };
    });
    listen("pointerup", (up) => {
      stop.abort();
      if (far || control) return;
      if (isFinger) start(up);
      click(up);
    });
    listen("pointercancel", () => stop.abort());
  });
}

/** Follow the fingers on a cell, on whatever in it they were put; `taken` ends what the first of two had begun. */
function twoFingers(viewer, cell, pinch, taken) {
  const fingers = new Map();
  let before = null;
  let waiting = 0;

  function down(event) {
    if (event.pointerType !== "touch") return;
    if (event.isPrimary) fingers.clear(); // no other is down, whatever became of those before
    fingers.set(event.pointerId, placeIn(cell, event));
    before = spread();
    if (fingers.size < 2) return;
    event.stopPropagation();
    taken();
    for (const id of fingers.keys()) cell.setPointerCapture(id); // a dot that was held is let go
  }

  function moved(event) {
    if (!fingers.has(event.pointerId)) return;
    fingers.set(event.pointerId, placeIn(cell, event));
    if (before) waiting ||= requestAnimationFrame(follow); // both fingers at once, as drawn last
  }

  function follow() {
    waiting = 0;
    const now = spread();
    if (!now || !viewer.isLoaded) return;
    pinch(now.apart / before.apart, before.x, before.y, now.x - before.x, now.y - before.y);
    before = now;
  }

  function up(event) {
    if (fingers.delete(event.pointerId)) before = spread();
  }

  /** How far apart two fingers are, and the middle between them, pixels of the cell; null with fewer. */
  function spread() {
    if (fingers.size < 2) return null;
    const [a, b] = fingers.values();
    const apart = Math.max(Math.hypot(a.x - b.x, a.y - b.y), 1);
    return { apart, x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
  }

  const all = { capture: true };
  cell.addEventListener("pointerdown", down, all);
  cell.addEventListener("pointermove", moved, all);
  cell.addEventListener("pointerup", up, all);
  cell.addEventListener("pointercancel", up, all);
}
