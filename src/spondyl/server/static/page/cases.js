// The list of scans: uploads, queue and history.

import * as api from "./api.js";
import { ask, attempt, button, icon, make, percent, save, toast } from "./dom.js";
import { state } from "./state.js";

const WORDS = {
  queued: "waiting",
  running: "running",
  done: "done",
  failed: "failed",
  cancelled: "cancelled",
};

/** @param {HTMLElement} panel @param {{add: function(boolean)}} actions `add(folder)` lets the person choose */
export function casesPanel(panel, { add }) {
  const order = make(
    "select",
    { id: "order", onchange: () => attempt(refresh) },
    make("option", { value: "newest" }, "Newest first"),
    make("option", { value: "uncertain" }, "Least certain first"),
  );
  const list = make("ol.case-list", { "aria-label": "Scans" });
  const empty = make("p.quiet", {}, "No scans yet.");
  panel.append(
    make(
      "div.add",
      {},
      button(
        ".primary",
        { onclick: () => add(false), title: "Add scans  U", "aria-keyshortcuts": "U" },
        icon("plus"),
        "Add scans",
      ),
      button(
        "",
        { onclick: () => add(true), title: "A folder with the slices of a DICOM series, or with scans" },
        "Folder",
      ),
    ),
    make("div.order", {}, make("label", { for: "order" }, "Order"), order),
    list,
    empty,
    make("footer", {}, button(".wide", { onclick: exportTraining }, icon("export"), "Training set…")),
  );

  let asked = 0;

  /** Only the newest answer counts: on a slow network an older one may come last. */
  async function refresh() {
    const turn = ++asked;
    state.order = order.value;
    const cases = await api.listCases(order.value);
    if (turn === asked) state.setCases(cases);
  }

  const rows = new Map();
  state.on("cases current", () => {
    const shown = [...state.uploads.map(uploadRow), ...state.cases.map((one) => caseRow(one, rows))];
    for (const id of rows.keys()) if (!state.cases.some((one) => one.id === id)) rows.delete(id);
    for (const row of [...list.children]) if (!shown.includes(row)) row.remove();
    shown.forEach((row, place) => list.children[place] !== row && list.insertBefore(row, list.children[place] ?? null));
    empty.hidden = shown.length > 0;
  });
  return { refresh };
}

function uploadRow(one) {
  return make(
    "li.case",
    { "data-state": "uploading" },
    make(
      "div.what",
      {},
      make("span.name", {}, one.name),
      make("span.detail", {}, `sending ${percent(one.part)}`),
      bar(one.part, `Sending ${one.name}`),
    ),
    button(".icon", { onclick: one.cancel, title: "Cancel", "aria-label": `Cancel sending ${one.name}` }, icon("x")),
  );
}

/** A row is made anew only when its scan changed, so that focus stays where it is. */
function caseRow(one, rows) {
  const told = JSON.stringify([one, one.id === state.current]);
  const known = rows.get(one.id);
  if (known?.told === told) return known.row;
  const row = make("li.case", { "data-state": one.state, "data-id": one.id }, link(one), actions(one));
  const focused = known?.row.contains(document.activeElement) && document.activeElement.dataset.role;
  known?.row.replaceWith(row);
  if (focused) (row.querySelector(`[data-role=${focused}]`) ?? row.querySelector("a")).focus();
  rows.set(one.id, { row, told });
  return row;
}

function link(one) {
  const { detail, badge } = described(one);
  return make(
    "a.what",
    {
      href: `#/case/${one.id}`,
      "aria-current": one.id === state.current ? "page" : null,
      "data-role": "open",
    },
    make("span.name", { title: one.name }, one.name),
    badge && make(`span.badge.${badge.kind}`, { title: badge.title }, badge.text),
    make("span.detail", {}, detail),
    one.state === "running" ? bar(one.progress, `Progress of ${one.name}`) : null,
  );
}

function described(one) {
  if (one.state === "running") return { detail: `${one.step ?? "running"} · ${percent(one.progress)}` };
  if (one.state === "queued") return { detail: one.position ? `waiting, place ${one.position}` : "waiting" };
  if (one.state !== "done")
    return {
      detail: one.error ?? WORDS[one.state],
      badge: one.state === "failed" ? { kind: "bad", text: "!", title: one.error } : null,
    };
  const names = one.vertebrae ?? [];
  const span = names.length ? `${names[0]}–${names.at(-1)}, ${names.length} vertebrae` : "no vertebrae";
  return { detail: span, badge: certainty(one) };
}

function certainty({ corrected, numbering_probability: sure }) {
  if (corrected) return { kind: "hand", text: "corrected", title: "Corrected by hand" };
  if (sure === null || sure === undefined) return null;
  return {
    kind: sure < 0.8 ? "bad" : sure < 0.95 ? "fair" : "good",
    text: percent(sure),
    title: "How likely all names are right",
  };
}

function bar(part, label) {
  const value = Math.round(100 * part);
  return make("progress", { max: 100, value, "aria-label": label }, `${value} %`);
}

function actions(one) {
  const act = (name, sign, role, run) =>
    button(
      ".icon",
      { onclick: () => attempt(run), title: name, "aria-label": `${name} ${one.name}`, "data-role": role },
      icon(sign),
    );
  const open = one.state === "queued" || one.state === "running";
  return make(
    "div.actions",
    {},
    open && act("Cancel", "x", "cancel", async () => state.putCase(await api.cancelCase(one.id))),
    (one.state === "failed" || one.state === "cancelled") &&
      act("Try again", "again", "retry", async () => state.putCase(await api.retryCase(one.id))),
    !open && act("Delete", "bin", "delete", () => remove(one)),
  );
}

/** Ask, then delete a scan with all its results. */
export async function remove(one) {
  const sure = await ask({
    title: `Delete ${one.name}?`,
    body: [
      make("p", {}, "The scan, its result and all corrections are deleted from the server. This cannot be undone."),
    ],
    buttons: [
      { label: "Keep", value: "" },
      { label: "Delete", value: "delete", kind: ".danger" },
    ],
  });
  if (sure !== "delete") return;
  if (state.current === one.id) location.hash = "#/";
  await api.deleteCase(one.id);
  state.dropCase(one.id);
  toast(`${one.name} was deleted`);
}

async function exportTraining() {
  const corrected = state.cases.filter((one) => one.corrected).length;
  const choice = await ask({
    title: "Training set",
    body: [
      make(
        "p",
        {},
        `Every scan whose names or centroids were corrected by hand, with its centroids and mask, as a data set that “spondyl train” reads. ${corrected === 1 ? "One scan is" : `${corrected} scans are`} corrected so far.`,
      ),
      make("p.quiet", {}, "Order the list by “Least certain first” to correct the scans that teach the model most."),
    ],
    buttons: corrected ? [{ label: "Download", value: "get", kind: ".primary" }] : [{ label: "Close", value: "" }],
  });
  if (choice !== "get") return;
  await attempt(async () => {
    const { blob, name } = await api.trainingSet();
    save(blob, name);
  });
}
