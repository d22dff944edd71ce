// The spine straightened along its curve, beside the pictures: the whole column at one glance. A click goes there.

import { colourOf } from "../anatomy.js";
import * as api from "./api.js";
import { attempt, button, find, make } from "./dom.js";
import { state } from "./state.js";

const OTHER = { sagittal: "coronal", coronal: "sagittal" };

/**
 * @param {{choose: function(string), jump: function(number[])}} actions
 * @returns {{load: function(string, AbortSignal), clear: function()}} load: the strip of a scan as it is now
 */
export function strip(actions) {
  const element = find("#strip");
  let plane = "sagittal";
  let url = null;
  let turn = 0;

  async function load(id, signal) {
    const mine = ++turn;
    const strip = await api.getStrip(id, plane, signal);
    signal.throwIfAborted();
    if (mine !== turn) return; // a newer one is on its way, or there
    const hadFocus = element.querySelector(".view-title") === document.activeElement;
    clear();
    if (!strip) return;
    url = strip.url;
    element.hidden = false;
    const other = () => {
      plane = OTHER[plane];
      attempt(() => load(id, signal));
    };
    const title = button(
      ".view-title",
      { onclick: other, title: `Along the spine; click for the ${OTHER[plane]} view` },
      `Curved ${plane}`,
    );
    element.replaceChildren(title, frame(strip));
    if (hadFocus) title.focus();
    choose();
  }

  function frame({ url, places }) {
    const alt = `${plane} picture along the curve of the spine`;
    const jump = (event) => actions.jump(pointIn(places, event));
    const picture = make("img", { src: url, alt, draggable: false, onclick: jump });
    const whole = make("div.strip-picture", {}, picture, ...places.vertebrae.map((one) => level(one, places)));
    const crop = cropped(places);
    whole.style.width = `${(100 * places.width) / crop.width}%`;
    whole.style.height = `${(100 * places.height) / crop.height}%`;
    whole.style.left = `${(-100 * crop.x) / crop.width}%`;
    whole.style.top = `${(-100 * crop.y) / crop.height}%`;
    const element = make("div.strip-frame", { role: "group", "aria-label": "Spine along its curve" }, whole);
    find("#strip").style.setProperty("--ratio", crop.width / crop.height);
    return element;
  }

  function level({ name, x, y }, { width, height }) {
    const what = { onclick: () => actions.choose(name), "data-name": name, title: `Jump to ${name}`, tabIndex: -1 };
    const one = button(".level", what, make("span", {}, name));
    one.style.left = `${(100 * x) / width}%`;
    one.style.top = `${(100 * y) / height}%`;
    one.style.setProperty("--colour", colourOf(name));
    return one;
  }

  function clear() {
    if (url) URL.revokeObjectURL(url);
    url = null;
    element.hidden = true;
    element.replaceChildren();
  }

  function choose() {
    for (const one of element.querySelectorAll(".level")) {
      one.classList.toggle("chosen", one.dataset.name === state.selected);
    }
  }

  state.on("selected result", choose);
  return { load, clear };
}

/** The part of the picture around the spine, pixels. */
function cropped({ vertebrae, width, height, mm_per_pixel: [across, along], plane }) {
  if (!vertebrae.length) return { x: 0, y: 0, width, height };
  const [before, behind] = plane === "sagittal" ? [40, 65] : [50, 50];
  const x = vertebrae.map((one) => one.x);
  const y = vertebrae.map((one) => one.y);
  const left = Math.max(Math.min(...x) - before / across, 0);
  const top = Math.max(Math.min(...y) - 30 / along, 0);
  const right = Math.min(Math.max(...x) + behind / across, width);
  const bottom = Math.min(Math.max(...y) + 35 / along, height);
  return { x: left, y: top, width: right - left, height: bottom - top };
}

/** World point, mm, of a click on the picture. */
function pointIn(places, { offsetX, offsetY, target }) {
  const x = (offsetX / target.clientWidth) * places.width;
  const y = (offsetY / target.clientHeight) * places.height;
  const across = places.left_mm - x * places.mm_per_pixel[0];
  const depth = places.depth_mm[Math.min(Math.floor(y), places.depth_mm.length - 1)];
  const z = places.top_mm - y * places.mm_per_pixel[1];
  return places.plane === "sagittal" ? [depth, across, z] : [across, depth, z];
}
