// Corrections: sent to the server, shown, said aloud, taken back.

import { NAMES, rankOf } from "../anatomy.js";
import * as api from "./api.js";
import { announce, attempt, find, toast } from "./dom.js";
import { Line } from "./line.js";
import { askName, askNewName } from "./naming.js";
import { state } from "./state.js";

const EXTRA = ["T13", "L6"];

/** @param {function(): number[]} crosshair where it stands, mm @param {function} reload shows the new result */
export function corrections(crosshair, reload) {
  let turn = Promise.resolve();
  let waiting = 0;
  let line = null;

  /** One after the other, so that each is about the answer to the one before. */
  function inTurn(work) {
    busy(1);
    turn = turn.then(() => attempt(work)).finally(() => busy(-1));
    return turn;
  }

  /** Large scans take seconds to be written and measured again. */
  function busy(more) {
    waiting += more;
    find("#editing").ariaBusy = String(waiting > 0);
  }

  /** Leaving the page would lose what is not sent yet. */
  addEventListener("beforeunload", (event) => waiting && event.preventDefault());

  /**
   * Correct the scan of a line.
   * @param {Line} at as it was when the person began
   * @param {string|null} about name of the vertebra then
   * @param {function(string|null): object} request from its name now
   * @param {function(string|null): string} said the same, in words
   */
  function send(at, about, request, said) {
    const key = about && at.keyOf(about);
    return inTurn(async () => {
      at.check();
      const name = key ? at.nameOf(key) : null;
      await answered(at, () => api.correct(at.id, at.result, request(name)), said(name), true);
    });
  }

  const step = (run, said, isLeft) => (at) =>
    inTurn(async () => {
      at.check();
      if (isLeft(at)) await answered(at, () => run(at.id, at.result), said, false);
    });
  const undo = step(api.undo, "The last correction was taken back", ({ result }) => result.history?.length);
  const redo = step(api.redo, "The correction was made again", ({ id }) => state.cases.find((one) => one.id === id)?.redo);

  /** Show the answer, wherever the person is by now. If somebody else was quicker, nothing was changed: show that. */
  async function answered(at, run, said, offerUndo) {
    try {
      at.advance(await run());
    } catch (error) {
      if (error.status === 412 && at === line) await refresh();
      throw error;
    }
    if (at === line) {
      state.setResult(at.result);
      announce(said);
    }
    if (offerUndo) toast(said, { action: { label: "Undo", run: () => undo(at) } });
    await Promise.all([followList(at.id), at === line && followPictures()]);
  }

  const followList = async (id) => state.putCase(await api.getCase(id));

  /** Where this fails, the correction is saved all the same. */
  async function followPictures() {
    try {
      await reload();
    } catch (error) {
      if (error.name === "AbortError") return;
      const action = { label: "Show again", run: followPictures };
      toast(`The names are up to date, the pictures are not. ${error.message}`, { error: true, action });
    }
  }

  /** Results that are no answer to us begin a new line: another scan, or somebody else's correction. */
  state.on("result", () => {
    if (state.result === line?.result) return;
    if (line?.id === state.current) line.broken = true;
    line = new Line(state.current, state.result);
  });

  async function refresh() {
    const { id } = line;
    const result = await api.getResult(id);
    if (id !== state.current) return;
    state.setResult(result);
    announce("This scan was corrected elsewhere");
    await Promise.all([followList(id), followPictures()]);
  }

  const isOutdated = () => state.result && state.openCase && state.result.etag !== `"${state.openCase.revision}"`;
  state.on("current result", () => isOutdated() && inTurn(() => isOutdated() && refresh()));

  async function rename(name) {
    if (!name) return;
    const at = line;
    const answer = await askName(name);
    if (answer)
      await send(
        at,
        name,
        (now) => ({ kind: "relabel", vertebra: now, ...answer }),
        (now) => `${now} is now ${answer.name}${answer.only ? "" : "; the others follow"}`,
      );
  }

  async function add() {
    const at = line;
    const centroid_mm = crosshair().map(rounded);
    const name = await askNewName(centroid_mm);
    if (!name) return;
    await send(
      at,
      null,
      () => ({ kind: "add", name, centroid_mm }),
      () => `${name} was added`,
    );
    if (at === line && at.keyOf(name)) state.select(name);
  }

  function move(name, mm) {
    const centroid_mm = mm.map(rounded);
    return send(
      line,
      name,
      (vertebra) => ({ kind: "move", vertebra, centroid_mm }),
      (now) => `The centre of ${now} was moved`,
    );
  }

  function remove(name) {
    if (!name) return null;
    return send(
      line,
      name,
      (vertebra) => ({ kind: "delete", vertebra }),
      (now) => `${now} was deleted`,
    );
  }

  function shift(by) {
    const said = `All names moved one level ${by > 0 ? "down" : "up"}`;
    return send(
      line,
      null,
      () => ({ kind: "shift", by }),
      () => said,
    );
  }

  function apply(other) {
    const at = line;
    const namesNow = () => at.result.vertebrae.map(({ name }) => name);
    return send(
      at,
      null,
      () => requestFor(namesNow(), other.names),
      () => `Numbering changed: ${other.description}`,
    );
  }

  return {
    undo: () => undo(line),
    redo: () => redo(line),
    rename,
    add,
    move,
    moveHere: () => state.selected && move(state.selected, crosshair()),
    remove,
    shift,
    apply,
  };
}

const rounded = (mm) => Math.round(1000 * mm) / 1000;

/**
 * The correction that leads from some names to others: one name that the rest follows, if there is one, as a person
 * would do it; otherwise all names at once.
 * @param {string[]} now names from head to foot
 * @param {string[]} wanted the same vertebrae
 */
export function requestFor(now, wanted) {
  const first = now.findIndex(
    (name, n) => name !== wanted[n] && String(followed(now, name, wanted[n])) === String(wanted),
  );
  if (first < 0) return { kind: "renumber", names: wanted };
  return { kind: "relabel", vertebra: now[first], name: wanted[first], only: false };
}

/** What all are called once one is renamed: the rules of docs/outputs.md, which the server follows. */
function followed(names, before, after) {
  const extras = EXTRA.filter((extra) => names.includes(extra));
  const ladder = (counted) => NAMES.filter((name) => !EXTRA.includes(name) || counted.includes(name));
  const here = ladder(extras);
  const there = ladder([...extras.filter((extra) => extra !== before), ...EXTRA.filter((extra) => extra === after)]);
  const offset = there.indexOf(after) - here.indexOf(before);
  return names.map((name) => there[here.indexOf(name) + offset]);
}

/** The vertebra above or below the chosen one; the first when none is chosen. */
export function neighbour(by) {
  const names = state.result?.vertebrae.map(({ name }) => name).sort((a, b) => rankOf(a) - rankOf(b)) ?? [];
  const place = names.indexOf(state.selected);
  return place < 0 ? names[0] : names[Math.min(Math.max(place + by, 0), names.length - 1)];
}
