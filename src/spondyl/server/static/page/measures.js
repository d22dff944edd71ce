// Measurements of one vertebra and of the disc below it, with uncertainty, or why there is none.

import { make } from "./dom.js";

const UNITS = { 1: "", deg: "°", grade: "", mm: " mm", HU: " HU", ml: " ml" };
const WORDS = { hu: "HU", bmd: "BMD", ap: "AP", genant: "Genant", cobb: "Cobb" };

/** @param {object} result as result.json @param {string} name @returns {HTMLElement|null} */
export function measurements(result, name) {
  const all = result.measurements;
  if (!all) return null;
  const vertebra = all.vertebrae?.find((one) => one.name === name);
  const disc = all.discs?.find((one) => one.upper === name);
  const values = [
    ...Object.entries(vertebra?.values ?? {}).map(([key, one]) => [words(key), one]),
    ...Object.entries(disc?.values ?? {}).map(([key, one]) => [
      `Disc ${disc.upper}/${disc.lower} ${words(key).toLowerCase()}`,
      one,
    ]),
  ];
  const rows = [
    ...(vertebra?.deformity ? [[make("dt", {}, "Deformity"), make("dd", {}, vertebra.deformity)]] : []),
    ...values.filter(([, { value }]) => value !== null).map(([label, one]) => fact(label, one)),
  ];
  const notes = [...remarked(values), ...refused(values)];
  if (!rows.length && !notes.length) return null;
  return make(
    "details.measures",
    { open: true },
    make("summary", {}, "Measurements"),
    make("dl.facts", {}, ...rows.flat()),
    ...notes,
  );
}

const refused = (values) => lines(values, "Not measured: ", ({ refused: one }) => (one ? [one] : []));
const remarked = (values) => lines(values, "* ", ({ value, remarks = [] }) => (value === null ? [] : remarks));

/** One line for all values about which the same is said. */
function lines(values, lead, said) {
  const about = new Map();
  for (const [label, one] of values) {
    for (const { message } of said(one)) about.set(message, [...(about.get(message) ?? []), label]);
  }
  return [...about].map(([message, labels]) =>
    make("p.quiet", {}, make("strong", {}, lead), `${labels.join(", ")}. ${message}`),
  );
}

/** Angles of the whole spine and lateral curves, or nothing. @param {object} result as result.json */
export function angles(result) {
  const { angles = {}, curves = [] } = result.measurements ?? {};
  const values = [
    ...Object.entries(angles).map(([key, one]) => [words(key), one]),
    ...curves.map((one) => [`Curve ${one.upper}–${one.lower}, to the ${one.convex}`, one.angle]),
  ];
  if (!values.length) return null;
  const rows = values.filter(([, { value }]) => value !== null).map(([label, one]) => fact(label, one));
  return make(
    "details.measures",
    {},
    make("summary", {}, "Angles and curves"),
    make("dl.facts", {}, ...rows.flat()),
    ...remarked(values),
    ...refused(values),
  );
}

function fact(label, { value, unit, uncertainty, remarks = [] }) {
  const digits = unit === "grade" ? 0 : Math.abs(value) >= 100 ? 0 : unit === "1" ? 2 : 1;
  const error = uncertainty ? ` ± ${uncertainty.toFixed(digits)}` : "";
  const mark = remarks.length ? " *" : ""; // said below, where fingers find it, too
  return [make("dt", {}, label), make("dd", {}, `${value.toFixed(digits)}${error}${UNITS[unit] ?? ` ${unit}`}${mark}`)];
}

function words(key) {
  const text = key
    .split("_")
    .filter((part) => !["mm", "deg", "ml"].includes(part))
    .map((part) => WORDS[part] ?? part)
    .join(" ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}
