// Mouse, pen and keys over the pictures.

import { VERTEBRAE } from "../anatomy.js";
import { PLANES } from "../viewer/slices.js";
import { find, make } from "./dom.js";
import { pickInSpace } from "./markers.js";

const NAME_OF = new Map(VERTEBRAE.map(([name, label]) => [label, name]));
const CLICK_PX = 3;

/**
 * @param {Viewer} viewer
 * @param {{choose: function(string, boolean), maximise: function(string), window: function(number, number)}} actions
 */
export function gestures(viewer, actions) {
  for (const [plane, { edges }] of Object.entries(PLANES)) {
    const cell = find(`[data-plane=${plane}]`);
    const sides = ["left", "right", "top", "bottom"];
    cell.append(...sides.map((side, n) => make(`span.edge.${side}`, { "aria-hidden": "true" }, edges[n])));
    slice(cell, plane);
  }
  space(find("[data-plane=surface]"));
  for (const cell of document.querySelectorAll("[data-plane]")) {
    cell.addEventListener("contextmenu", (event) => event.preventDefault());
    cell.addEventListener("dblclick", (event) => event.target === cell && actions.maximise(cell.dataset.plane));
  }

  function slice(cell, plane) {
    const jump = ({ offsetX, offsetY }) => viewer.jumpTo(viewer.unproject(plane, offsetX, offsetY));
    drag(viewer, cell, {
      start: (event) => kindOf(event) === "jump" && jump(event),
      move: (event, dx, dy) => {
        const kind = kindOf(event);
        if (kind === "pan") viewer.pan(plane, dx, dy);
        else if (kind === "window") actions.window(dx, dy);
        else jump(event);
      },
      click: (event) => {
        const name = NAME_OF.get(viewer.labelAt(viewer.unproject(plane, event.offsetX, event.offsetY)));
        if (kindOf(event) === "jump" && name) actions.choose(name, false);
      },
    });
    cell.addEventListener("wheel", (event) => {
      event.preventDefault();
      if (!viewer.isLoaded) return;
      if (event.ctrlKey) viewer.zoom(plane, event.deltaY < 0 ? 1.15 : 1 / 1.15, event.offsetX, event.offsetY);
      else viewer.step(plane, -Math.sign(event.deltaY));
    });
    cell.addEventListener("keydown", (event) => sliceKey(event, plane));
  }

  function sliceKey(event, plane) {
    if (event.ctrlKey || event.altKey || event.metaKey || !viewer.isLoaded) return;
    const { across, up, through } = PLANES[plane];
    const by = event.shiftKey ? 10 : 2;
    const moves = {
      ArrowLeft: [across, by],
      ArrowRight: [across, -by],
      ArrowUp: [up, by],
      ArrowDown: [up, -by],
    };
    if (moves[event.key]) {
      const mm = viewer.position;
      mm[moves[event.key][0]] += moves[event.key][1];
      viewer.jumpTo(mm);
    } else if (event.key === "PageUp") viewer.step(plane, through === 2 ? 1 : -1);
    else if (event.key === "PageDown") viewer.step(plane, through === 2 ? -1 : 1);
    else if (event.key === "+" || event.key === "=") viewer.zoom(plane, 1.25);
    else if (event.key === "-") viewer.zoom(plane, 0.8);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  function space(cell) {
    drag(viewer, cell, {
      start: () => {},
      move: (_event, dx, dy) => viewer.rotate(dx, dy),
      click: (event) => {
        const name = pickInSpace(viewer, event.offsetX, event.offsetY);
        if (name) actions.choose(name, true);
      },
    });
    cell.addEventListener("wheel", (event) => {
      event.preventDefault();
      viewer.zoomSurfaces(event.deltaY < 0 ? 1.1 : 1 / 1.1);
    });
    cell.addEventListener("keydown", (event) => {
      const turns = { ArrowLeft: [-12, 0], ArrowRight: [12, 0], ArrowUp: [0, -12], ArrowDown: [0, 12] };
      if (turns[event.key] && !event.ctrlKey) viewer.rotate(...turns[event.key]);
      else if (event.key === "+" || event.key === "=") viewer.zoomSurfaces(1.2);
      else if (event.key === "-") viewer.zoomSurfaces(1 / 1.2);
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
  }
}

/** Left: jump; right, middle or with Ctrl: pan; with Shift: window. */
function kindOf(event) {
  const right = event.type === "pointermove" ? event.buttons & 6 : event.button > 0;
  if (right || event.ctrlKey) return "pan";
  return event.shiftKey ? "window" : "jump";
}

/** Pointer pressed on the cell itself until released; a press without movement is a click. */
function drag(viewer, cell, { start, move, click }) {
  cell.addEventListener("pointerdown", (event) => {
    if (event.target.closest("button") || !viewer.isLoaded) return;
    const stop = new AbortController();
    let last = { x: event.clientX, y: event.clientY };
    let far = false;
    cell.setPointerCapture(event.pointerId);
    start(event);
    const listen = (name, run) => cell.addEventListener(name, run, { signal: stop.signal });
    listen("pointermove", (now) => {
      const [dx, dy] = [now.clientX - last.x, now.clientY - last.y];
      if (!far && Math.hypot(dx, dy) < CLICK_PX) return;
      far = true;
      move(now, dx, dy);
      last = { x: now.clientX, y: now.clientY };
    });
    listen("pointerup", (up) => {
      stop.abort();
      if (!far) click(up);
    });
    listen("pointercancel", () => stop.abort());
  });
}
