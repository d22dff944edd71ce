// Names and centroids over the pictures. Centroids are dragged; a click chooses, two clicks name.

import { colourOf } from "../anatomy.js";
import { PLANES } from "../viewer/slices.js";
import { button, find, make } from "./dom.js";
import { slackOf } from "./pointers.js";
import { state } from "./state.js";

/** Names stand this far beside the centroid, mm: in front of the body, to the patient's left, ... */
const BESIDE = { sagittal: [0, 24, 0], coronal: [-30, 0, 0], axial: [-26, 0, 0], surface: [0, 0, 0] };
/** Further from the slice than this, mm, a centroid is faint; in axial slices it is left out. */
const NEAR_MM = 12;

/**
 * @param {Viewer} viewer
 * @param {{choose: function(string), rename: function(string), move: function(string, number[])}} actions
 */
export function markers(viewer, actions) {
  const layers = new Map();
  for (const plane of [...Object.keys(PLANES), "surface"]) {
    const layer = make("div.markers", { "aria-hidden": "true" }); // the list does the same by keyboard
    find(`[data-plane=${plane}]`).append(layer);
    layers.set(plane, layer);
  }
  let pairs = [];

  function build() {
    pairs = [];
    for (const layer of layers.values()) layer.replaceChildren();
    for (const vertebra of state.result?.vertebrae ?? []) {
      for (const [plane, layer] of layers) pairs.push(pair(vertebra, plane, layer));
    }
    choose();
    place("slices");
    place("surfaces");
  }

  function pair(vertebra, plane, layer) {
    const { name } = vertebra;
    const what = {
      tabIndex: -1,
      onclick: () => actions.choose(name),
      ondblclick: () => actions.rename(name),
    };
    const tag = button(".tag", { ...what, title: `${name}: double click to rename` }, name);
    const one = { vertebra, plane, tag, dot: null, layer };
    tag.style.setProperty("--colour", colourOf(name));
    if (plane !== "surface") {
      one.dot = button(".dot", {
        ...what,
        title: `${name}: drag to move its centre`,
        "aria-label": `Centre of ${name}`,
      });
      one.dot.style.setProperty("--colour", colourOf(name));
      draggable(one);
    }
    layer.append(tag, ...(one.dot ? [one.dot] : []));
    return one;
  }

  function place(kind) {
    for (const one of pairs) {
      if ((one.plane === "surface") !== (kind === "surfaces") || one.held) continue;
      if (kind === "surfaces") placeInSpace(one);
      else placeInSlice(one);
    }
  }

  function placeInSlice({ vertebra, plane, tag, dot }) {
    const at = viewer.project(plane, vertebra.centroid_mm);
    const shown = at !== null && (plane !== "axial" || Math.abs(at.off) < NEAR_MM);
    tag.hidden = dot.hidden = !shown;
    if (!shown) return;
    put(dot, at);
    put(
      tag,
      viewer.project(
        plane,
        vertebra.centroid_mm.map((mm, axis) => mm + BESIDE[plane][axis]),
      ),
    );
    dot.classList.toggle("far", Math.abs(at.off) > NEAR_MM);
  }

  function placeInSpace({ vertebra, tag }) {
    const at = viewer.projectSurface(vertebra.centroid_mm);
    tag.hidden = at === null;
    if (at) put(tag, { x: at.x + 34, y: at.y });
  }

  function draggable(one) {
    const { dot, vertebra, plane } = one;
    dot.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      // Fingers hit dots they do not mean: they move the chosen one only.
      if (event.pointerType === "touch" && vertebra.name !== state.selected) return;
      event.stopPropagation();
      const stop = new AbortController();
      const start = { x: event.clientX, y: event.clientY };
      let mm = null;
      dot.setPointerCapture(event.pointerId);
      const end = () => {
        stop.abort();
        one.held = false;
        dot.classList.remove("held");
      };
      const listen = (name, run) => dot.addEventListener(name, run, { signal: stop.signal });
      listen("pointermove", ({ clientX, clientY }) => {
        if (!one.held && Math.hypot(clientX - start.x, clientY - start.y) < slackOf(event)) return;
        one.held = true;
        dot.classList.add("held");
        const box = one.layer.getBoundingClientRect();
        mm = viewer.unproject(plane, clientX - box.left, clientY - box.top);
        mm[PLANES[plane].through] = vertebra.centroid_mm[PLANES[plane].through];
        put(dot, viewer.project(plane, mm));
      });
      listen("pointerup", () => {
        const moved = one.held;
        end();
        if (moved) actions.move(vertebra.name, mm);
      });
      listen("lostpointercapture", () => (end(), place("slices"))); // cancelled, or a second finger makes it a pinch
    });
  }

  function choose() {
    for (const { vertebra, tag, dot } of pairs) {
      for (const element of [tag, dot]) element?.classList.toggle("chosen", vertebra.name === state.selected);
    }
  }

  viewer.addEventListener("drawn-slices", () => place("slices"));
  viewer.addEventListener("drawn-surfaces", () => place("surfaces"));
  state.on("result", build);
  state.on("selected", choose);
}

function put(element, { x, y }) {
  // Not a transform: that would be scaled, too, where a style scales the element.
  element.style.translate = `${x.toFixed(1)}px ${y.toFixed(1)}px`;
}

/** Name of the vertebra whose centroid is drawn closest to a point of the 3D view, within 40 pixels. */
export function pickInSpace(viewer, x, y) {
  let best = { name: null, away: 40 };
  for (const { name, centroid_mm } of state.result?.vertebrae ?? []) {
    const at = viewer.projectSurface(centroid_mm);
    const away = at ? Math.hypot(at.x - x, at.y - y) : Infinity;
    if (away < best.away) best = { name, away };
  }
  return best.name;
}
