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
  const refusals = refused(values);
  if (!rows.length && !refusals.length) return null;
  return make(
    "details.measures",
    { open: true },
    make("summary", {}, "Measurements"),
    make("dl.facts", {}, ...rows.flat()),
    ...refusals,
  );
}

/** One line for all that is not measured for the same reason. */
function refused(values) {
  const byReason = new Map();
  for (const [label, one] of values) {
    if (one.refused) byReason.set(one.refused.message, [...(byReason.get(one.refused.message) ?? []), label]);
  }
  return [...byReason].map(([reason, labels]) =>
    make("p.quiet", {}, make("strong", {}, "Not measured: "), `${labels.join(", ")}. ${reason}`),
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
    ...refused(values),
  );
}

function fact(label, { value, unit, uncertainty, remarks = [] }) {
  const digits = unit === "grade" ? 0 : Math.abs(value) >= 100 ? 0 : unit === "1" ? 2 : 1;
  const error = uncertainty ? ` ± ${uncertainty.toFixed(digits)}` : "";
  const remark = remarks.map((one) => one.message).join(" ");
  const dd = make("dd", { title: remark || null }, `${value.toFixed(digits)}${error}${UNITS[unit] ?? ` ${unit}`}`);
  if (remark) dd.append(make("span.mark", { "aria-label": remark, role: "img" }, " *"));
  return [make("dt", {}, label), dd];
}

function words(key) {
  const text = key
    .split("_")
    .filter((part) => !["mm", "deg", "ml"].includes(part))
    .map((part) => WORDS[part] ?? part)
    .join(" ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}
