// The bar above the pictures: layout, window, mask, names.

import { button, find, icon, make } from "./dom.js";
import { boxAround } from "./scan.js";
import { state } from "./state.js";

/** Window by name: level and width, HU. */
const WINDOWS = {
  bone: { title: "Bone", key: "B", level: 400, width: 1800 },
  soft: { title: "Soft", about: "Soft tissue", key: "S", level: 40, width: 400 },
};
const LAYOUTS = { all: "All", sagittal: "Sagittal", coronal: "Coronal", axial: "Axial", surface: "3D" };
const OPACITY = 0.45;

/** @param {Viewer} viewer @returns what keys and gestures use, too */
export function tools(viewer) {
  const views = find("#views");
  let shown = { ...WINDOWS.bone };
  let drawing = 0;
  let whole = false;
  let fitted = null;

  const layouts = radios(
    "Layout",
    Object.entries(LAYOUTS).map(([value, title], n) => ({ value, title, key: String(n + 1) })),
    setLayout,
  );
  const windows = radios(
    "Window",
    Object.entries(WINDOWS).map(([value, one]) => ({ value, ...one })),
    (name) => setWindow(WINDOWS[name]),
  );
  const level = number("Level", shown.level, (value) => setWindow({ ...shown, level: value }));
  const width = number("Width", shown.width, (value) => setWindow({ ...shown, width: Math.max(value, 1) }));
  const opacity = make("input", {
    type: "range",
    id: "opacity",
    min: 0,
    max: 100,
    value: 100 * OPACITY,
    title: "Show or hide the mask: O",
    oninput: applyOpacity,
  });
  const names = button(
    ".toggle",
    { title: "Names  N", "aria-pressed": "true", "aria-keyshortcuts": "N", onclick: toggleNames },
    "Names",
  );
  const fitting = button(
    ".icon",
    {
      title: "The spine, or the whole scan  F",
      "aria-label": "Show the spine, or the whole scan",
      "aria-keyshortcuts": "F",
      onclick: fit,
    },
    icon("fit"),
  );
  find("#tools").append(
    layouts.element,
    windows.element,
    make("div.pair", {}, level.element, width.element),
    make("div.pair", {}, make("label", { for: "opacity" }, "Mask"), opacity),
    names,
    fitting,
  );

  function setLayout(name) {
    views.dataset.layout = name;
    layouts.set(name);
    requestAnimationFrame(() => viewer.layout());
  }

  function setWindow({ level: at, width: wide }) {
    shown = { level: Math.round(at), width: Math.round(wide) };
    level.set(shown.level);
    width.set(shown.width);
    windows.set(
      Object.keys(WINDOWS).find((name) => WINDOWS[name].level === shown.level && WINDOWS[name].width === shown.width),
    );
    later(() => viewer.setWindow(look()));
  }

  /** Window in HU and opacity of the mask, as the viewer takes them. */
  function look() {
    const { level: at, width: wide } = shown;
    return { low: at - wide / 2, high: at + wide / 2, opacity: opacity.value / 100 };
  }

  function applyOpacity() {
    later(() => viewer.setOpacity(look().opacity));
  }

  /** At most one change per frame. */
  function later(work) {
    cancelAnimationFrame(drawing);
    drawing = requestAnimationFrame(work);
  }

  /** The spine, then the whole scan, and again. */
  function fit() {
    whole = !(whole && fitted === state.current);
    fitted = state.current;
    viewer.fit(whole ? null : boxAround(state.result.vertebrae));
  }

  function toggleMask() {
    opacity.value = opacity.valueAsNumber ? 0 : 100 * OPACITY;
    applyOpacity();
  }

  function toggleNames() {
    const show = !names.ariaPressed || names.ariaPressed === "false";
    names.ariaPressed = String(show);
    views.classList.toggle("nameless", !show);
  }

  return {
    setLayout,
    maximise: (plane) => setLayout(views.dataset.layout === plane ? "all" : plane),
    setWindow: (name) => setWindow(WINDOWS[name]),
    changeWindow: (dx, dy) => setWindow({ level: shown.level - 2 * dy, width: Math.max(shown.width + 4 * dx, 20) }),
    look,
    fit,
    toggleMask,
    toggleNames,
    layouts: Object.keys(LAYOUTS),
  };
}

function radios(label, choices, chosen) {
  const group = label.toLowerCase();
  const inputs = choices.map(({ value, title, about = title, key }, n) => {
    const input = make("input", {
      type: "radio",
      name: group,
      value,
      checked: n === 0,
      onchange: () => chosen(value),
      "aria-keyshortcuts": key,
    });
    return make("label", { title: `${about}  ${key}` }, input, make("span", {}, title));
  });
  const element = make("div.segments", { role: "radiogroup", "aria-label": label }, ...inputs);
  const set = (value) => {
    for (const input of element.querySelectorAll("input")) input.checked = input.value === value;
  };
  return { element, set };
}

function number(label, value, changed) {
  const input = make("input", {
    type: "number",
    value,
    step: 10,
    "aria-label": `${label}, HU`,
    title: `${label}, HU; Shift and drag in a picture`,
    onchange: () => changed(input.valueAsNumber || 0),
  });
  return {
    element: make("label.number", {}, make("span", { "aria-hidden": "true" }, label[0]), input),
    set: (now) => (input.value = now),
  };
}
