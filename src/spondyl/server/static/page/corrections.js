// Corrections: sent to the server, shown, said aloud, taken back.

import { NAMES, rankOf } from "../anatomy.js";
import * as api from "./api.js";
import { announce, attempt, find, toast } from "./dom.js";
import { askName, askNewName } from "./naming.js";
import { state } from "./state.js";

const EXTRA = ["T13", "L6"];

/** @param {function(): number[]} crosshair where it stands, mm @param {function} reload shows the new result */
export function corrections(crosshair, reload) {
  let turn = Promise.resolve();
  let waiting = 0;

  /** One after the other, so that each is about the result on the screen. */
  function inTurn(id, work) {
    busy(1);
    turn = turn.then(() => attempt(() => (id === state.current ? work() : null))).finally(() => busy(-1));
    return turn;
  }

  /** Large scans take seconds to be written and measured again. */
  function busy(more) {
    waiting += more;
    find("#editing").ariaBusy = String(waiting > 0);
  }

  function send(request, said) {
    const id = state.current;
    return inTurn(id, async () => {
      await show(id, await unlessOutdated(id, () => api.correct(id, state.result, request)), said);
      toast(said, { action: { label: "Undo", run: undo } });
    });
  }

  /** Somebody else was quicker: show what is there now, and say that nothing was changed. */
  async function unlessOutdated(id, work) {
    try {
      return await work();
    } catch (error) {
      if (error.status === 412) await refresh(id);
      throw error;
    }
  }

  async function show(id, result, said) {
    if (id !== state.current) return;
    state.setResult(result);
    announce(said);
    const [one] = await Promise.all([api.getCase(id), reload()]);
    state.putCase(one);
  }

  const refresh = async (id) => show(id, await api.getResult(id), "This scan was corrected elsewhere");

  const isOutdated = () => state.result && state.openCase && state.result.etag !== `"${state.openCase.revision}"`;
  state.on("current", () => isOutdated() && inTurn(state.current, () => isOutdated() && refresh(state.current)));

  const step = (run, said) => () => {
    const id = state.current;
    return inTurn(id, async () => show(id, await unlessOutdated(id, () => run(id, state.result)), said));
  };
  const undo = step(api.undo, "The last correction was taken back");
  const redo = step(api.redo, "The correction was made again");

  async function rename(name) {
    if (!name) return;
    const answer = await askName(name);
    if (answer)
      await send(
        { kind: "relabel", vertebra: name, ...answer },
        `${name} is now ${answer.name}${answer.only ? "" : "; the others follow"}`,
      );
  }

  async function add() {
    const centroid_mm = crosshair().map(rounded);
    const name = await askNewName(centroid_mm);
    if (!name) return;
    await send({ kind: "add", name, centroid_mm }, `${name} was added`);
    state.select(name);
  }

  return {
    undo,
    redo,
    rename,
    add,
    move: (name, mm) =>
      send({ kind: "move", vertebra: name, centroid_mm: mm.map(rounded) }, `The centre of ${name} was moved`),
    moveHere: () =>
      state.selected &&
      send(
        { kind: "move", vertebra: state.selected, centroid_mm: crosshair().map(rounded) },
        `The centre of ${state.selected} was moved`,
      ),
    remove: (name) => name && send({ kind: "delete", vertebra: name }, `${name} was deleted`),
    shift: (by) => send({ kind: "shift", by }, `All names moved one level ${by > 0 ? "down" : "up"}`),
    apply: (other) =>
      send(
        requestFor(
          state.result.vertebrae.map(({ name }) => name),
          other.names,
        ),
        `Numbering changed: ${other.description}`,
      ),
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
