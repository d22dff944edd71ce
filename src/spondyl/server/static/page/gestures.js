// What mouse, pen, fingers and keys do over the pictures.

import { VERTEBRAE } from "../anatomy.js";
import { PLANES } from "../viewer/slices.js";
import { button, find, icon, make } from "./dom.js";
import { pickInSpace } from "./markers.js";
import { placeIn, pointers } from "./pointers.js";

const NAME_OF = new Map(VERTEBRAE.map(([name, label]) => [label, name]));
/** Towards positive and negative along the axes. */
const TOWARDS = [
  ["the patient's right", "the patient's left"],
  ["the front", "the back"],
  ["the head", "the feet"],
];
/** A turn of the wheel by so many pixels is one slice: a trackpad tells of few at a time, a wheel of many at once. */
const WHEEL_PX = 30;

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
    const pointAt = (event) => {
      const { x, y } = placeIn(cell, event);
      return viewer.unproject(plane, x, y);
    };
    const jump = (event) => viewer.jumpTo(pointAt(event));
    pointers(viewer, cell, {
      start: (event) => kindOf(event) === "jump" && jump(event),
      move: (event, dx, dy) => {
        const kind = kindOf(event);
        if (kind === "pan") viewer.pan(plane, dx, dy);
        else if (kind === "window") actions.window(dx, dy);
        else jump(event);
      },
      click: (event) => {
        const name = NAME_OF.get(viewer.labelAt(pointAt(event)));
        if (kindOf(event) === "jump" && name) actions.choose(name, false);
      },
      pinch: (factor, x, y, dx, dy) => viewer.zoom(plane, factor, x, y, dx, dy),
    });
    const turned = wheel();
    cell.addEventListener("wheel", (event) => {
      event.preventDefault();
      if (!viewer.isLoaded) return;
      const { x, y } = placeIn(cell, event);
      const slices = event.ctrlKey ? 0 : turned(event);
      if (event.ctrlKey) viewer.zoom(plane, zoomOf(event), x, y);
      else if (slices) viewer.step(plane, -slices);
    });
    cell.addEventListener("keydown", (event) => sliceKey(event, plane));
    const [forth, back] = TOWARDS[PLANES[plane].through];
    const steps = [
      held(`Slice towards ${forth}`, "up", () => viewer.isLoaded && viewer.step(plane, 1)),
      held(`Slice towards ${back}`, "down", () => viewer.isLoaded && viewer.step(plane, -1)),
    ];
    cell.append(make("div.steps", {}, ...steps));
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
    pointers(viewer, cell, {
      start: () => {},
      move: (_event, dx, dy) => viewer.rotate(dx, dy),
      click: (event) => {
        const { x, y } = placeIn(cell, event);
        const name = pickInSpace(viewer, x, y);
        if (name) actions.choose(name, true);
      },
      pinch: (factor) => viewer.zoomSurfaces(factor),
    });
    cell.addEventListener("wheel", (event) => {
      event.preventDefault();
      viewer.zoomSurfaces(zoomOf(event));
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

/** Slices that turns of the wheel are worth, of one sign for downwards. */
function wheel() {
  let left = 0;
  return ({ deltaY, deltaMode }) => {
    if (deltaMode !== WheelEvent.DOM_DELTA_PIXEL || Math.abs(deltaY) >= WHEEL_PX) return Math.sign(deltaY);
    left = left * deltaY < 0 ? deltaY : left + deltaY;
    const slices = Math.trunc(left / WHEEL_PX);
    left -= slices * WHEEL_PX;
    return slices;
  };
}

/** The factor of one turn of the wheel, or of fingers on a trackpad, which browsers tell as a turn with Ctrl. */
function zoomOf({ deltaY, deltaMode }) {
  const pixels = deltaMode === WheelEvent.DOM_DELTA_PIXEL ? deltaY : Math.sign(deltaY) * 100;
  return Math.min(Math.max(Math.exp(-pixels / 100), 1 / 1.15), 1.15);
}

/** A button that goes on while it is held. */
function held(title, sign, run) {
  let timer = 0;
  let isHeld = false;
  const again = () => {
    isHeld = true;
    run();
    timer = setTimeout(again, 60);
  };
  const end = () => clearTimeout(timer);
  return button(
    ".icon",
    {
      title,
      "aria-label": title,
      onpointerdown: () => ((isHeld = false), end(), (timer = setTimeout(again, 400))),
      onpointerup: end,
      onpointercancel: end,
      onpointerleave: end,
      onclick: () => (isHeld ? (isHeld = false) : run()),
    },
    icon(sign),
  );
}
