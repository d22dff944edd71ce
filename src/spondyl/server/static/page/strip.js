// The spine straightened along its curve, beside the pictures: the whole column at one glance, each level a button.

import { colourOf } from "../anatomy.js";
import { button, find, make } from "./dom.js";
import { state } from "./state.js";

/** @param {{choose: function(string)}} actions @returns {{show: function(object|null), rename: function(object)}} */
export function strip(actions) {
  const element = find("#strip");
  let shown = null;

  function show(strip) {
    if (shown) URL.revokeObjectURL(shown.url);
    shown = strip;
    element.hidden = !strip;
    if (!strip) return element.replaceChildren();
    const { width, height } = strip.places;
    const picture = make("img", {
      src: strip.url,
      alt: "Sagittal picture along the curve of the spine",
      draggable: false,
    });
    const frame = make(
      "div.strip-frame",
      { role: "group", "aria-label": "Spine along its curve" },
      picture,
      ...strip.places.vertebrae.map((one) => level(one, width, height)),
    );
    frame.style.setProperty("--ratio", width / height);
    element.replaceChildren(make("h2.view-title", {}, "Along the spine"), frame);
    choose();
  }

  function level({ name, x, y }, width, height) {
    const one = button(
      ".level",
      { onclick: () => actions.choose(name), "data-name": name, title: `Jump to ${name}`, tabIndex: -1 },
      make("span", {}, name),
    );
    one.style.left = `${(100 * x) / width}%`;
    one.style.top = `${(100 * y) / height}%`;
    one.style.setProperty("--colour", colourOf(name));
    return one;
  }

  function choose() {
    for (const one of element.querySelectorAll(".level"))
      one.classList.toggle("chosen", one.dataset.name === state.selected);
  }

  state.on("selected", choose);
  return { show };
}
