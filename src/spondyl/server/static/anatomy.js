// Names, numbers and colours of the vertebrae, head to foot: the table of spondyl.anatomy, which a test compares.

/** One row per vertebra: name, VerSe number, red, green, blue (0-255). */
export const VERTEBRAE = [
  ["C1", 1, 255, 38, 38],
  ["C2", 2, 184, 49, 28],
  ["C3", 3, 255, 99, 38],
  ["C4", 4, 184, 93, 28],
  ["C5", 5, 255, 160, 38],
  ["C6", 6, 184, 137, 28],
  ["C7", 7, 255, 220, 38],
  ["T1", 8, 147, 255, 38],
  ["T2", 9, 78, 184, 28],
  ["T3", 10, 71, 255, 38],
  ["T4", 11, 28, 184, 31],
  ["T5", 12, 38, 255, 82],
  ["T6", 13, 28, 184, 86],
  ["T7", 14, 38, 255, 157],
  ["T8", 15, 28, 184, 141],
  ["T9", 16, 38, 255, 233],
  ["T10", 17, 28, 172, 184],
  ["T11", 18, 38, 201, 255],
  ["T12", 19, 28, 117, 184],
  ["T13", 28, 38, 125, 255],
  ["L1", 20, 38, 47, 255],
  ["L2", 21, 62, 28, 184],
  ["L3", 22, 144, 38, 255],
  ["L4", 23, 145, 28, 184],
  ["L5", 24, 255, 38, 252],
  ["L6", 25, 184, 28, 140],
  ["S1", 26, 255, 38, 142],
  ["S2", 27, 184, 28, 65],
];

/** Names from head to foot, T13 and L6 included. */
export const NAMES = VERTEBRAE.map(([name]) => name);

const ROWS = new Map(VERTEBRAE.map((row) => [row[0], row]));

/** VerSe number of a name. */
export const labelOf = (name) => ROWS.get(name)[1];

/** Red, green, blue of a name, 0-255. */
export const rgbOf = (name) => ROWS.get(name).slice(2);

/** Colour of a name, for style sheets. */
export const colourOf = (name) => `rgb(${rgbOf(name).join(" ")})`;

/** Place of a name from head to foot, 0 = C1. */
export const rankOf = (name) => NAMES.indexOf(name);

/** "cervical", "thoracic", "lumbar" or "sacral". */
export const regionOf = (name) => ({ C: "cervical", T: "thoracic", L: "lumbar", S: "sacral" })[name[0]];

/** The same by number, 0 transparent: columns I (number), R, G, B, A. */
export function labelTable() {
  const rows = [["", 0, 0, 0, 0], ...VERTEBRAE].sort((a, b) => a[1] - b[1]);
  const column = (n) => rows.map((row) => row[n]);
  return { I: column(1), R: column(2), G: column(3), B: column(4), A: column(1).map((label) => (label ? 255 : 0)) };
}
