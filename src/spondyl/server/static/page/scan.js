// The open scan: fetched and shown once it is done, shown again after every correction.

import { PLANES } from "../viewer/slices.js";
import * as api from "./api.js";
import { announce, button, find, icon, make, percent } from "./dom.js";
import { state } from "./state.js";

/** @param {Viewer} viewer @param {object} tools @param {{load: function, clear: function}} strip */
export function scan(viewer, tools, strip) {
  const loading = find("#loading");
  let loaded = null;
  let stop = new AbortController();

  /** Show what is open, whatever its state; called when that may have changed. */
  async function open() {
    const one = state.openCase;
    if (one?.state !== "done" || one.id === loaded) {
      if (!one) close();
      return;
    }
    close();
    loaded = one.id;
    stop = new AbortController();
    try {
      await fetchAll(one, stop.signal);
    } catch (error) {
      if (error.name !== "AbortError") failed(error);
    }
  }

  function failed({ message }) {
    const again = () => ((loaded = null), open());
    say(message);
    loading.append(button("", { onclick: again }, icon("again"), "Try again"));
  }

  async function fetchAll(one, signal) {
    const part = make("span", { "aria-hidden": "true" }); // read out once, not with every step
    say("Loading the scan…", part);
    const progress = (got, all) => all && (part.textContent = ` ${percent(got / all)} of ${megabytes(all)} MB`);
    const [result, image, mask] = await Promise.all([
      api.getResult(one.id, signal),
      viewer.draws && api.getImage(one.id, signal, progress),
      viewer.draws && api.getMask(one.id, signal),
    ]);
    say("Showing…");
    await painted();
    signal.throwIfAborted();
    await viewer.load(image, mask, tools.look(), signal);
    state.setResult(result);
    await strip.load(one.id, signal);
    viewer.layout();
    viewer.fit(boxAround(result.vertebrae));
    choose(first(result.vertebrae));
    loading.hidden = true;
    announce(`${one.name}: ${result.vertebrae.length} vertebrae`);
  }

  /** After a correction: the mask and the strip again; the scan stays. */
  async function reload() {
    const { signal } = stop;
    const id = loaded;
    const mask = viewer.draws && (await api.getMask(id, signal));
    await viewer.setMask(mask, tools.look().opacity, signal);
    await strip.load(id, signal);
  }

  function close() {
    stop.abort();
    if (loaded === null) return;
    loaded = null;
    viewer.clear();
    strip.clear();
    loading.hidden = true;
  }

  function say(...what) {
    loading.replaceChildren(...what);
    loading.hidden = false;
  }

  /** Choose a vertebra, and go there unless the crosshair is where it should be. */
  function choose(name, jump = true) {
    state.select(name);
    if (jump && state.vertebra) viewer.jumpTo(state.vertebra.centroid_mm);
  }

  addEventListener("resize", () => viewer.layout());
  new ResizeObserver(() => viewer.layout()).observe(find("#views"));
  viewer.addEventListener("moved", () => {
    for (const [plane, { through }] of Object.entries(PLANES)) {
      const at = where(through, viewer.position[through]);
      find(`[data-plane=${plane}]`).ariaLabel = `${plane.charAt(0).toUpperCase()}${plane.slice(1)} slice, ${at}`;
      find(`[data-plane=${plane}] .where`).textContent = at;
    }
  });
  return { open, reload, choose };
}

const SIDES = ["RL", "AP", "SI"];
const where = (axis, mm) => `${SIDES[axis][mm < 0 ? 1 : 0]} ${Math.abs(mm).toFixed(0)} mm`;

/** Where to begin: the least certain vertebra, or the middle one if all are certain. */
function first(vertebrae) {
  const doubtful = vertebrae.filter(({ probability }) => probability !== null && probability < 0.9);
  const least = doubtful.sort((a, b) => a.probability - b.probability)[0];
  return (least ?? vertebrae[Math.floor(vertebrae.length / 2)])?.name ?? null;
}

/** Room around the centroids for the vertebrae and a little more, mm: to the left, back and foot; right, front and head. */
const ROOM = { low: [-55, -75, -35], high: [55, 45, 30] };

/** The spine as a box in mm, or null where there is none. */
export function boxAround(vertebrae) {
  if (!vertebrae.length) return null;
  const along = (axis) => vertebrae.map(({ centroid_mm }) => centroid_mm[axis]);
  return {
    low: [0, 1, 2].map((axis) => Math.min(...along(axis)) + ROOM.low[axis]),
    high: [0, 1, 2].map((axis) => Math.max(...along(axis)) + ROOM.high[axis]),
  };
}

const painted = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));

const megabytes = (bytes) => (bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0);
