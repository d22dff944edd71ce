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
  const rows = [
    ...(vertebra?.deformity ? [[make("dt", {}, "Deformity"), make("dd", {}, vertebra.deformity)]] : []),
    ...Object.entries(vertebra?.values ?? {}).map(([key, one]) => fact(words(key), one)),
    ...Object.entries(disc?.values ?? {}).map(([key, one]) =>
      fact(`Disc ${disc.upper}/${disc.lower}: ${words(key).toLowerCase()}`, one),
    ),
  ];
  return rows.length
    ? make(
        "details.measures",
        { open: true },
        make("summary", {}, "Measurements"),
        make("dl.facts", {}, ...rows.flat()),
      )
    : null;
}

function fact(label, { value, unit, uncertainty, refused, remarks = [] }) {
  const dt = make("dt", {}, label);
  if (value === null)
    return [dt, make("dd.quiet", { title: refused?.message }, refused ? `not measured: ${refused.message}` : "–")];
  const digits = unit === "grade" ? 0 : Math.abs(value) >= 100 ? 0 : unit === "1" ? 2 : 1;
  const error = uncertainty ? ` ± ${uncertainty.toFixed(digits)}` : "";
  const dd = make(
    "dd",
    { title: remarks.map((one) => one.message).join(" ") || null },
    `${value.toFixed(digits)}${error}${UNITS[unit] ?? ` ${unit}`}`,
  );
  if (remarks.length)
    dd.append(make("span.mark", { "aria-label": remarks.map((one) => one.message).join(" "), role: "img" }, " *"));
  return [dt, dd];
}

function words(key) {
  const text = key
    .split("_")
    .filter((part) => !["mm", "deg", "ml"].includes(part))
    .map((part) => WORDS[part] ?? part)
    .join(" ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}
