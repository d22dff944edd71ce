// What stands in the middle when there is no picture: a welcome, progress, or why it failed.

import * as api from "./api.js";
import { remove } from "./cases.js";
import { attempt, button, find, icon, make, percent } from "./dom.js";
import { state } from "./state.js";

/** @param {{add: function(boolean)}} actions */
export function stage({ add }) {
  const welcome = find("#welcome");
  const progress = find("#progress");
  welcome.append(
    make("h2", { id: "welcome-title" }, "Drop a CT scan here"),
    make("p", {}, "Spondyl finds, names and outlines every vertebra. You look, correct what is wrong, and export."),
    make(
      "div.row",
      {},
      button(".primary", { onclick: () => add(false) }, icon("plus"), "Choose files"),
      button("", { onclick: () => add(true) }, "Choose a folder"),
    ),
    make(
      "p.quiet",
      {},
      "NIfTI, MetaImage, NRRD, or a DICOM series as a folder or zip archive. Scans stay on this server until you delete them.",
    ),
  );

  state.on("current cases", show);
  show();

  function show() {
    const one = state.openCase;
    const done = one?.state === "done";
    welcome.hidden = one !== null;
    find("#viewer").hidden = !done;
    find("#editing").hidden = !done;
    progress.hidden = one === null || done;
    find("#title").textContent = one?.name ?? "";
    document.title = one ? `${one.name} – Spondyl` : "Spondyl";
    if (!progress.hidden) update(one);
  }

  /** What is there already stays: focus, and a click that has begun. */
  function update(one) {
    const isBusy = one.state === "queued" || one.state === "running";
    const what = `${one.id} ${isBusy ? "busy" : one.state}`;
    if (progress.dataset.what !== what) progress.replaceChildren(...(isBusy ? busy(one) : stopped(one)));
    progress.dataset.what = what;
    if (isBusy) follow(progress, one);
  }
}

function busy(one) {
  return [
    make("h2", {}, one.name),
    make("progress.large", { max: 100, "aria-label": `Progress of ${one.name}` }),
    make("p"),
    button("", { onclick: () => attempt(async () => state.putCase(await api.cancelCase(one.id))) }, "Cancel"),
  ];
}

function follow(progress, one) {
  const place = one.state === "queued" && one.position ? `Waiting, place ${one.position} in the queue` : "Waiting";
  progress.querySelector("progress").value = Math.round(100 * one.progress);
  progress.querySelector("p").textContent =
    one.state === "queued" ? place : `${one.step ?? "Running"} · ${percent(one.progress)}`;
}

function stopped(one) {
  const failed = one.state === "failed";
  return [
    make("h2", {}, failed ? `${one.name} could not be worked on` : `${one.name} was cancelled`),
    failed ? make("p.error-text", { role: "alert" }, one.error ?? "No reason was given.") : null,
    make(
      "div.row",
      {},
      button(
        ".primary",
        { onclick: () => attempt(async () => state.putCase(await api.retryCase(one.id))) },
        icon("again"),
        "Try again",
      ),
      button("", { onclick: () => attempt(() => remove(one)) }, icon("bin"), "Delete"),
    ),
  ].filter(Boolean);
}
