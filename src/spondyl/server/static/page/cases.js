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
    const names = new Map();
    for (const { name } of state.cases) names.set(name, (names.get(name) ?? 0) + 1);
    const row = (one) => caseRow(one, rows, names.get(one.name) > 1);
    const shown = [...state.uploads.map(uploadRow), ...state.cases.map(row)];
    for (const id of rows.keys()) if (!state.cases.some((one) => one.id === id)) rows.delete(id);
    for (const row of [...list.children]) if (!shown.includes(row)) row.remove();
    shown.forEach((row, place) => list.children[place] !== row && list.insertBefore(row, list.children[place] ?? null));
    empty.hidden = shown.length > 0;
  });
  return { refresh };
}

/**
 * Rows stay the same elements while they change: several times a second they do, and neither the focus nor a click may
 * get lost between two of them.
 */
function uploadRow(one) {
  one.row ??= make(
    "li.case",
    { "data-state": "uploading" },
    make("div.what", {}),
    button(".icon", { onclick: one.cancel, title: "Cancel", "aria-label": `Cancel sending ${one.name}` }, icon("x")),
  );
  one.row.firstChild.replaceChildren(
    make("span.name", {}, one.name),
    make("span.detail", {}, `sending ${percent(one.part)}`),
    bar(one.part, `Sending ${one.name}`),
  );
  return one.row;
}

function caseRow(one, rows, hasTwin) {
  const told = JSON.stringify([one, one.id === state.current, hasTwin, new Date().getDate()]);
  const known = rows.get(one.id) ?? { row: newRow(one) };
  if (known.told === told) return known.row;
  const { row } = known;
  const [link, acts] = row.children;
  link.replaceChildren(...content(one, hasTwin));
  if (one.id === state.current) link.setAttribute("aria-current", "page");
  else link.removeAttribute("aria-current");
  if (row.dataset.state !== one.state) {
    row.dataset.state = one.state;
    const hadFocus = acts.contains(document.activeElement);
    acts.replaceChildren(...actions(one));
    if (hadFocus) (acts.firstChild ?? link).focus();
  }
  rows.set(one.id, { row, told });
  return row;
}

const newRow = ({ id }) =>
  make("li.case", { "data-id": id }, make("a.what", { href: `#/case/${id}` }), make("div.actions"));

function content(one, hasTwin) {
  const { detail, badge } = described(one);
  return [
    make("span.name", { title: one.name }, one.name),
    badge && make(`span.badge.${badge.kind}`, { title: badge.title }, badge.text),
    make("span.detail", { title: detail }, detail),
    make("time.sent", { dateTime: one.created, title: `Sent ${new Date(one.created).toLocaleString()}` }, sent(one, hasTwin)),
    one.state === "running" ? bar(one.progress, `Progress of ${one.name}`) : null,
  ].filter(Boolean);
}

/** When it was sent: the time, with the day if that is not today, to the second if there is another of that name. */
function sent({ created }, hasTwin) {
  const at = new Date(created);
  const isToday = at.toDateString() === new Date().toDateString();
  return at.toLocaleString([], {
    ...(isToday ? {} : { day: "numeric", month: "short" }),
    hour: "numeric",
    minute: "2-digit",
    ...(hasTwin ? { second: "2-digit" } : {}),
  });
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
  const span = names.length > 1 ? `${names[0]}–${names.at(-1)}, ${names.length} vertebrae` : (names[0] ?? "no vertebrae");
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
  const act = (name, sign, run) =>
    button(".icon", { onclick: () => attempt(run), title: name, "aria-label": `${name} ${one.name}` }, icon(sign));
  const open = one.state === "queued" || one.state === "running";
  return [
    open && act("Cancel", "x", async () => state.putCase(await api.cancelCase(one.id))),
    (one.state === "failed" || one.state === "cancelled") &&
      act("Try again", "again", async () => state.putCase(await api.retryCase(one.id))),
    !open && act("Delete", "bin", () => remove(one)),
  ].filter(Boolean);
}

/** Ask, then delete a scan with all its results. */
export async function remove(one) {
  const sure = await ask({
    title: `Delete ${one.name}?`,
    body: [
      make("p", {}, "The scan, its result and all corrections are deleted from the server. This cannot be undone."),
      make("p.quiet", {}, `Sent ${new Date(one.created).toLocaleString()}.`),
    ],
    buttons: [
      { label: "Keep", value: "" },
      { label: "Delete", value: "delete", kind: ".danger" },
    ],
  });
  if (sure !== "delete") return;
  if (state.current === one.id) location.replace("#/"); // there is nothing to go back to
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
