// Scans in: dropped or chosen files, folders and archives, sorted into cases and sent one after the other.

import * as api from "./api.js";
import { attempt, find, toast } from "./dom.js";
import { state } from "./state.js";

/** One file of these is a whole scan; everything else is taken for slices of a DICOM series. */
const WHOLE = /\.(nii|nii\.gz|mha|nrrd|zip)$/i;
/** Files that systems leave in folders. */
const LITTER = /(^|\/)(\.|Thumbs\.db$|DICOMDIR$|__MACOSX\/)/i;

/**
 * Sort files into cases: each whole scan is one, the other files of one dropped folder together are one.
 * @param {{file: File, path: string}[]} files path from what was dropped, with "/"
 * @returns {{name: string, files: {file: File, path: string}[]}[]}
 */
export function sortIntoCases(files) {
  const cases = [];
  const series = new Map();
  for (const entry of files) {
    if (LITTER.test(entry.path)) continue;
    if (WHOLE.test(entry.path)) {
      cases.push({ name: entry.file.name, files: [entry] });
      continue;
    }
    const folder = entry.path.includes("/") ? entry.path.split("/")[0] : "";
    if (!series.has(folder)) series.set(folder, []);
    series.get(folder).push(entry);
  }
  for (const [folder, slices] of series) cases.push({ name: folder || slices[0].file.name, files: slices });
  return cases;
}

/** Send files; `done` is told of every new case. */
export async function send(files, done) {
  const cases = sortIntoCases(files);
  if (!cases.length) toast("Nothing to add: no file was found.", { error: true });
  const waiting = cases.map(({ name, files: parts }) => {
    const stop = new AbortController();
    return { name, parts, part: 0, signal: stop.signal, cancel: () => stop.abort() };
  });
  state.uploads.push(...waiting);
  state.tell("cases");
  for (const one of waiting) await sendOne(one, done);
}

async function sendOne(one, done) {
  try {
    one.signal.throwIfAborted();
    checkSize(one.parts, await api.info());
    const created = await api.upload(one.parts, (part) => ((one.part = part), state.tell("cases")), one.signal);
    state.putCase(created);
    done(created);
  } catch (error) {
    if (error.name === "AbortError") return;
    const action = { label: "Try again", run: () => send(one.parts, done) };
    toast(`${one.name}: ${error.message}`, { error: true, action: error.isFinal ? null : action });
  } finally {
    state.uploads = state.uploads.filter((other) => other !== one);
    state.tell("cases");
  }
}

/** Before it is sent: a server that refuses in the middle of a large upload is not heard by browsers. */
function checkSize(parts, { max_upload_mb: megabytes, max_files: most }) {
  const size = parts.reduce((sum, { file }) => sum + file.size, 0) / 2 ** 20;
  const why =
    parts.length > most
      ? `${parts.length} files; this server takes ${most} at once`
      : `${Math.ceil(size)} MB; this server takes ${megabytes} MB at once`;
  if (parts.length > most || size > megabytes)
    throw Object.assign(new Error(`${why}. Send one series, or crop the scan.`), { isFinal: true });
}

/** Leaving the page would break off what is being sent. */
addEventListener("beforeunload", (event) => state.uploads.length && event.preventDefault());

/** Let the person choose files, or a folder. */
export function choose(folder, done) {
  const input = document.createElement("input");
  input.type = "file";
  input.multiple = true;
  input.webkitdirectory = folder;
  input.onchange = () =>
    send(
      [...input.files].map((file) => ({ file, path: file.webkitRelativePath || file.name })),
      done,
    );
  input.click();
}

/** The whole window takes drops. */
export function acceptDrops(done) {
  const curtain = find("#drop");
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  addEventListener("dragenter", (event) => hasFiles(event) && (curtain.hidden = false));
  addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
  addEventListener("dragleave", (event) => event.relatedTarget === null && (curtain.hidden = true));
  addEventListener("drop", async (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    curtain.hidden = true;
    // The list of items is only valid until the first await.
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    const files = [...event.dataTransfer.files].map((file) => ({ file, path: file.name }));
    await attempt(async () => send(entries.length ? (await Promise.all(entries.map(filesIn))).flat() : files, done));
  });
}

/** All files below a dropped entry. */
async function filesIn(entry) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    return [{ file, path: entry.fullPath.replace(/^\//, "") }];
  }
  const reader = entry.createReader();
  const children = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) break;
    children.push(...some);
  }
  return (await Promise.all(children.map(filesIn))).flat();
}
