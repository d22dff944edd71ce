// The page, put together.

import { Viewer } from "../viewer/niivue.js";
import { NoViewer } from "../viewer/none.js";
import * as api from "./api.js";
import { casesPanel } from "./cases.js";
import { corrections, neighbour } from "./corrections.js";
import { announce, ask, attempt, find, isAsking, make, toast } from "./dom.js";
import { exportDialog } from "./exporting.js";
import { findings } from "./findings.js";
import { gestures } from "./gestures.js";
import { helpDialog, keys } from "./keys.js";
import { markers } from "./markers.js";
import { scan } from "./scan.js";
import { stage } from "./stage.js";
import { state } from "./state.js";
import { strip } from "./strip.js";
import { theme } from "./theme.js";
import { tools } from "./tools.js";
import { acceptDrops, choose as chooseFiles } from "./upload.js";

theme();
api.onTokenNeeded(askForToken);

const show = (one) => state.current === null && !isAsking() && (location.hash = `#/case/${one.id}`);
const add = (folder) => chooseFiles(folder, show);
const panel = casesPanel(find("#cases"), { add });
stage({ add });
acceptDrops(show);
for (const cell of document.querySelectorAll("[data-plane]")) {
  const title = { sagittal: "Sagittal", coronal: "Coronal", axial: "Axial", surface: "3D" }[cell.dataset.plane];
  cell.prepend(make("div.view-title", { "aria-hidden": "true" }, title, make("span.where")));
}

const narrow = matchMedia("(max-width: 1024px)"); // as in cases.css
narrow.onchange = () => toggleCases(!narrow.matches);
narrow.onchange();
connect(await startViewer());
await attempt(panel.refresh);
state.on("cases current", seekMissing);
route();
addEventListener("hashchange", route);
api.listen({ changed, deleted: ({ id }) => (state.dropCase(id), refreshSoon()), connected });

/** The viewer, or one without pictures on machines without WebGL 2. */
async function startViewer() {
  const cells = Object.fromEntries(
    [...document.querySelectorAll("[data-plane]")].map((cell) => [cell.dataset.plane, cell]),
  );
  try {
    return await Viewer.create(find("#slices"), find("#surface"), cells);
  } catch (error) {
    find("#views").classList.add("blind");
    find(".blind-note").title = error.message;
    return new NoViewer();
  }
}

/** After sleep, or where memory is short, a graphics card forgets everything. Corrections are saved. */
function cardLost() {
  const action = { label: "Reload", run: () => location.reload() };
  toast("The graphics card has lost the pictures. Reload the page to see them again.", { error: true, action });
}

function connect(viewer) {
  find("#slices").addEventListener("webglcontextlost", cardLost);
  const bar = tools(viewer);
  const straight = strip({ choose: (name) => choose(name), jump: (mm) => viewer.jumpTo(mm) });
  const { open, reload, choose } = scan(viewer, bar, straight);
  const act = { ...corrections(() => viewer.position, reload), choose };
  markers(viewer, act);
  gestures(viewer, { choose, maximise: bar.maximise, window: bar.changeWindow });
  findings(act);
  state.on("current cases", open);
  state.on("current result", () => {
    const ready = state.result !== null;
    find("#undo").disabled = !(ready && state.openCase?.undo);
    find("#redo").disabled = !(ready && state.openCase?.redo);
    find("#export").disabled = !ready;
  });
  const exporting = () => attempt(exportDialog);
  const table = keyTable(bar, act, viewer, exporting);
  keys(table, () => state.result !== null);
  find("#undo").onclick = act.undo;
  find("#redo").onclick = act.redo;
  find("#export").onclick = exporting;
  find("#help").onclick = () => helpDialog(table);
  find("#toggle-cases").onclick = () => toggleCases();
}

function keyTable(bar, act, viewer, exporting) {
  const view = (run, about) => ({ run, about, viewer: true });
  const step = (by) => {
    act.choose(neighbour(by));
    announce(state.selected ?? "");
  };
  const go = (by, about) => ({ ...view(() => step(by), about), repeats: true });
  const [above, below] = [go(-1, "vertebra above"), go(1, "vertebra below")];
  return {
    "?": { run: () => find("#help").click(), about: "this list" },
    U: { run: () => add(false), about: "add scans" },
    "[": { run: () => toggleCases(), about: "show or hide the list of scans" },
    ArrowUp: above,
    K: above,
    ArrowDown: below,
    J: below,
    R: view(() => act.rename(state.selected), "rename; the others follow"),
    M: view(act.moveHere, "move the centre to the crosshair"),
    A: view(act.add, "add a vertebra at the crosshair"),
    Delete: view(() => act.remove(state.selected), "delete the vertebra"),
    "Ctrl+Z": view(() => state.openCase?.undo && act.undo(), "undo"),
    "Ctrl+Shift+Z": view(() => state.openCase?.redo && act.redo(), "redo"),
    "Ctrl+Y": view(() => state.openCase?.redo && act.redo(), "redo"),
    E: view(exporting, "export"),
    ...Object.fromEntries(
      bar.layouts.map((name, n) => [
        String(n + 1),
        view(() => bar.setLayout(name), "show all, sagittal, coronal, axial, 3D"),
      ]),
    ),
    B: view(() => bar.setWindow("bone"), "bone window"),
    S: view(() => bar.setWindow("soft"), "soft tissue window"),
    O: view(bar.toggleMask, "show or hide the mask"),
    N: view(bar.toggleNames, "show or hide names"),
    F: view(bar.fit, "show the spine, or the whole scan"),
  };
}

function toggleCases(show = document.body.classList.contains("no-cases")) {
  document.body.classList.toggle("no-cases", !show);
  find("#toggle-cases").ariaExpanded = String(show);
}

function route() {
  for (const dialog of document.querySelectorAll("dialog[open]:not(.token)")) dialog.close(""); // about another scan
  state.open(/^#\/case\/([0-9a-f]{32})$/.exec(location.hash)?.[1] ?? null);
  if (narrow.matches && state.current) toggleCases(false); // it lies over the scan there
}

/** The open scan is not in the list: so new that the list was made before it, or deleted by somebody else. */
async function seekMissing() {
  const id = state.current;
  if (id === null || state.openCase) return;
  try {
    state.putCase(await api.getCase(id));
  } catch (error) {
    if (error.status !== 404 || id !== state.current) return;
    state.open(null);
    history.replaceState(null, "", "#/"); // or going back would lead here again
    toast("That scan is no longer on the server: somebody deleted it.");
  }
}

/** What changed before events came, or while they did not, is fetched. */
function connected(on) {
  if (on) refreshSoon();
  document.body.classList.toggle("offline", !on);
}

/** Order and places in the queue change with states. */
function changed(one) {
  if (!state.putCase(one)) refreshSoon();
}

let waiting = 0;

/** The list again, once for many changes. */
function refreshSoon() {
  waiting ||= setTimeout(() => {
    waiting = 0;
    attempt(panel.refresh);
  }, 250);
}

/** @param {string} refused why the last one was not taken, or nothing */
async function askForToken(refused) {
  const input = make("input", {
    type: "password",
    "aria-label": "Token",
    autocomplete: "current-password",
    onkeydown: (event) => event.key === "Enter" && input.closest("dialog").close("go"),
  });
  const answer = await ask({
    title: "Token",
    size: "token",
    body: [make("p", {}, refused || "This server asks for the token it was started with."), input],
    buttons: [{ label: "Go on", value: "go", kind: ".primary" }],
    focus: input,
  });
  return answer === "go" ? input.value.trim() : null;
}
