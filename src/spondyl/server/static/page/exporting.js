// Files out: every format of the open scan, as one archive.

import * as api from "./api.js";
import { ask, attempt, isAsking, make, save, toast } from "./dom.js";
import { state } from "./state.js";

const USUAL = ["mask", "centroids", "csv"];

/** Ask for the formats, of those this scan can be had as, and save them. */
export async function exportDialog() {
  const one = state.openCase;
  if (!one || !state.result) return;
  const formats = await api.formats(one.id);
  if (state.current !== one.id || isAsking()) return; // another scan, or asked for twice, on a slow network
  const boxes = formats.map(({ name }) =>
    make("input", { type: "checkbox", value: name, checked: USUAL.includes(name) }),
  );
  const rows = formats.map(({ file, about }, n) =>
    make("label.format", {}, boxes[n], make("span", {}, file), make("span.quiet", {}, about)),
  );
  const all = make("input", {
    type: "checkbox",
    onchange: () => boxes.forEach((box) => (box.checked = all.checked)),
  });
  const download = { label: "Download", value: "get", kind: ".primary" };
  const group = make("div.formats", { role: "group", "aria-label": "Formats" }, ...rows);
  const count = () => (download.button.disabled = !boxes.some((box) => box.checked));
  for (const element of [group, all]) element.addEventListener("change", count);
  const answer = await ask({
    title: `Export ${one.name}`,
    size: "wide",
    body: [make("label.format.all", {}, all, make("strong", {}, "Every format")), group],
    buttons: [download],
  });
  const chosen = boxes.filter((box) => box.checked).map((box) => box.value);
  if (answer !== "get") return;
  toast("The files are being made; the download begins by itself.");
  await attempt(async () => {
    const { blob, name } = await api.exportCase(one.id, chosen, one.name);
    save(blob, name);
  });
}
