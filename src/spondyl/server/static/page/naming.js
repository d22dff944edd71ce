// Which name? A table of all names by region, for renaming and for adding a vertebra.

import { NAMES, colourOf, regionOf } from "../anatomy.js";
import { ask, button, make } from "./dom.js";
import { state } from "./state.js";

const REGIONS = ["cervical", "thoracic", "lumbar", "sacral"];
const RARE = { T13: "a thirteenth thoracic vertebra", L6: "a sixth lumbar vertebra" };

/**
 * Ask what a vertebra is; resolves to {name, only} or null.
 * @param {string} now its name
 */
export async function askName(now) {
  const follow = make("input", { type: "checkbox", checked: true, id: "follow" });
  const { table, focus } = names(now);
  const answer = await ask({
    title: `What is the vertebra called ${now}?`,
    size: "wide",
    focus,
    body: [
      table,
      make("label.check", {}, follow, make("span", {}, "All others follow and keep their distance in levels")),
      make(
        "p.quiet",
        {},
        "T13 and L6 are counted only where a spine has them: naming one moves the vertebrae below it up by a level.",
      ),
    ],
  });
  return answer && answer !== now ? { name: answer, only: !follow.checked } : null;
}

/** Ask for the name of a vertebra to add at the crosshair, mm; resolves to it or "". */
export function askNewName(mm) {
  const { table, focus } = names(null, expectedAt(mm));
  return ask({
    title: "Add a vertebra at the crosshair",
    size: "wide",
    focus,
    body: [
      make(
        "p.quiet",
        {},
        "The crosshair should stand in the centre of its body. Names that are taken cannot be given twice.",
      ),
      table,
    ],
  });
}

/** Letters typed into the table go to the name that begins with them. */
function names(now, expected = now) {
  const taken = new Set(state.result.vertebrae.map(({ name }) => name));
  const buttons = new Map(NAMES.map((name) => [name, choice(name, now, taken.has(name))]));
  const rows = REGIONS.map((region) =>
    make(
      "div.name-row",
      { role: "group", "aria-label": region },
      ...NAMES.filter((name) => regionOf(name) === region).map((name) => buttons.get(name)),
    ),
  );
  const table = make("div.name-table", {}, ...rows);
  let typed = "";
  table.addEventListener("keydown", (event) => {
    if (!/^[a-z0-9]$/i.test(event.key) || event.ctrlKey) return;
    const key = event.key.toUpperCase();
    typed = NAMES.some((name) => name.startsWith(typed + key)) ? typed + key : key;
    NAMES.map((name) => buttons.get(name))
      .find((one, n) => NAMES[n].startsWith(typed) && !one.disabled)
      ?.focus();
  });
  return { table, focus: buttons.get(expected) ?? [...buttons.values()].find((one) => !one.disabled) };
}

/** The free name that follows the vertebra above a point, or comes before the one below it. */
function expectedAt(mm) {
  const { vertebrae } = state.result;
  const next = (own, by) => {
    const ladder = NAMES.filter((name) => !RARE[name] || name === own);
    return ladder[ladder.indexOf(own) + by];
  };
  const above = vertebrae.filter(({ centroid_mm }) => centroid_mm[2] > mm[2]).at(-1);
  const below = vertebrae.find(({ centroid_mm }) => centroid_mm[2] <= mm[2]);
  const name = above ? next(above.name, 1) : below && next(below.name, -1);
  return vertebrae.some((one) => one.name === name) ? null : name;
}

function choice(name, now, taken) {
  const one = button(
    ".name",
    {
      onclick: () => one.closest("dialog").close(name),
      title: RARE[name] ?? name,
      disabled: now === null && taken,
      "aria-pressed": String(name === now),
      "aria-label": RARE[name] ? `${name}, ${RARE[name]}` : name,
    },
    name,
  );
  one.classList.toggle("taken", taken);
  one.style.setProperty("--colour", colourOf(name));
  return one;
}
