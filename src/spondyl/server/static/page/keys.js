// Keys, and the page that lists them with what mouse and fingers do.

import { ask, isAsking, make } from "./dom.js";

const MOUSE = [
  ["Click", "move the crosshair, choose a vertebra"],
  ["Wheel", "next slice"],
  ["Ctrl + wheel", "zoom"],
  ["Right or Ctrl + drag", "pan"],
  ["Shift + drag", "window: level up and down, width across"],
  ["Drag a centre", "move it"],
  ["Double click a name", "rename"],
  ["Double click a picture", "enlarge, and back"],
];

const FINGERS = [
  ["Tap", "move the crosshair, choose a vertebra"],
  ["Drag", "move the crosshair; in 3D turn"],
  ["Two fingers apart, together", "zoom"],
  ["Two fingers along", "pan"],
  ["Arrows in the corner", "next slice; hold them to go on"],
  ["Drag the chosen centre", "move it"],
  ["Tap a name twice", "rename"],
  ["Tap a picture twice", "enlarge, and back"],
];

/**
 * @param {Object<string, {run: function, about: string, viewer: boolean, repeats: boolean}>} table key (as
 * KeyboardEvent.key, with "Ctrl+") to action; a key that is held down repeats only what is marked so
 */
export function keys(table, isViewing) {
  addEventListener("keydown", (event) => {
    if (event.altKey || isAsking() || isOwn(event)) return;
    const control = event.ctrlKey || event.metaKey;
    const name =
      (control ? "Ctrl+" : "") +
      (control && event.shiftKey ? "Shift+" : "") +
      (event.key.length === 1 ? event.key.toUpperCase() : event.key);
    const action = table[name];
    if (!action || (action.viewer && !isViewing())) return;
    event.preventDefault();
    if (!event.repeat || action.repeats) action.run();
  });
}

/** Keys that mean something to what has the focus; with a scan of the list in mind, nobody deletes a vertebra. */
function isOwn({ target, key }) {
  if (key === "Delete" && target.closest?.("#cases")) return true;
  const field = target.closest?.("select, textarea, input");
  if (!field || field.type === "checkbox") return false;
  return key.startsWith("Arrow") || !["radio", "range"].includes(field.type);
}

export function helpDialog(table) {
  const list = (rows) =>
    make(
      "dl.keys",
      {},
      ...rows.flatMap(([key, about]) => [
        make("dt", {}, ...key.split(" or ").map((one) => make("kbd", {}, one))),
        make("dd", {}, about),
      ]),
    );
  const byAction = new Map();
  for (const [key, { about }] of Object.entries(table)) byAction.set(about, [...(byAction.get(about) ?? []), key]);
  const rows = [...byAction].map(([about, names]) => [
    names.map((name) => name.replace("Arrow", "")).join(" or "),
    about,
  ]);
  return ask({
    title: "Keys, mouse and fingers",
    size: "wider",
    body: [
      make(
        "div.two",
        {},
        make("section", {}, make("h3", {}, "Keys"), list(rows)),
        make(
          "section",
          {},
          make("h3", {}, "Mouse"),
          list(MOUSE),
          make("h3", {}, "Fingers"),
          list(FINGERS),
          make("h3", {}, "In a picture that has the focus"),
          list([
            ["Arrows", "move the crosshair 2 mm, with Shift 10 mm"],
            ["Page up or Page down", "next slice"],
            ["+ or -", "zoom"],
          ]),
        ),
      ),
      make(
        "p.quiet",
        {},
        "Spondyl is for research and development. It is not a medical device; do not use it to diagnose or to treat.",
      ),
    ],
  });
}
