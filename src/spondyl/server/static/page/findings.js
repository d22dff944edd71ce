// What was found: numbering, remarks, vertebrae, and all about the chosen one.

import { colourOf } from "../anatomy.js";
import { button, find, icon, make, percent } from "./dom.js";
import { angles, measurements } from "./measures.js";
import { state } from "./state.js";

/** Other numberings at least this likely are shown without being asked for. */
const LIKELY = 0.01;

/** @param {object} actions see corrections.js, and `choose(name)` */
export function findings(actions) {
  const panel = find("#findings");
  const numbering = make("section.card");
  const list = make("ol.vertebrae", { "aria-label": "Vertebrae, head to foot" });
  const add = button(
    ".link",
    { title: "Add a vertebra at the crosshair  A", "aria-keyshortcuts": "A", onclick: actions.add },
    icon("plus"),
    "Add",
  );
  const chosen = make("section.card.chosen", { "aria-live": "off" });
  panel.append(
    numbering,
    make("section.card.list", {}, make("header", {}, make("h2", {}, "Vertebrae"), add), list),
    chosen,
  );

  let shown = null;
  state.on("result current", () => {
    panel.hidden = !state.result;
    if (state.result === shown) return;
    shown = state.result;
    if (!shown) return;
    renew(numbering, numberingOf(shown, actions));
    renew(
      list,
      shown.vertebrae.map((one) => row(one, actions)),
    );
    choose();
  });
  state.on("selected", choose);

  function choose() {
    for (const one of list.querySelectorAll("button")) {
      const is = one.dataset.name === state.selected;
      one.setAttribute("aria-current", String(is));
      one.tabIndex = is || (!state.selected && one === list.querySelector("button")) ? 0 : -1;
      if (is && list.scrollHeight > list.clientHeight) one.scrollIntoView({ block: "nearest" }); // else all would scroll
    }
    const vertebra = state.vertebra;
    chosen.hidden = !vertebra;
    if (vertebra) renew(chosen, about(vertebra, actions));
  }

  list.addEventListener("keydown", (event) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    event.stopPropagation();
    const next = event.target.closest("li")[by > 0 ? "nextElementSibling" : "previousElementSibling"]?.firstChild;
    next?.focus();
    next?.click();
  });
}

/** Other content for a part of the panel; the focus, if it was there, stays in its place. */
function renew(part, children) {
  const stops = () => [...part.querySelectorAll("button, summary")];
  const place = stops().indexOf(document.activeElement);
  part.replaceChildren(...children);
  if (place >= 0) stops().slice(0, place + 1).at(-1)?.focus();
}

function numberingOf(result, actions) {
  const sure = result.numbering_probability;
  const shown = result.alternatives.filter((one) => one.probability >= LIKELY);
  const rest = result.alternatives.filter((one) => one.probability < LIKELY);
  const shift = (by, sign, words) =>
    button(".icon", { title: words, "aria-label": words, onclick: () => actions.shift(by) }, icon(sign));
  const none = !result.vertebrae.length;
  return [
    make(
      "header",
      {},
      make("h2", {}, "Numbering"),
      none
        ? null
        : make(
            "div.row",
            {},
            shift(-1, "up", "All names one level up (T12 becomes T11)"),
            shift(1, "down", "All names one level down (T12 becomes L1)"),
          ),
    ),
    sure === null
      ? !none && make("p", {}, result.history?.length ? "Corrected by hand" : "This model gives no probability")
      : make(
          "p.sure",
          {},
          meter(sure, "Probability all names right"),
          make("strong", {}, percent(sure)),
          " all names right",
        ),
    ...shown.map((one) => alternative(one, actions)),
    rest.length
      ? make(
          "details",
          {},
          make("summary", {}, `${rest.length} less likely`),
          ...rest.map((one) => alternative(one, actions)),
        )
      : null,
    ...result.flags.map((flag) => make("p.flag", {}, icon("flag"), flag.message)),
    angles(result),
  ].filter(Boolean);
}

function alternative(one, actions) {
  return make(
    "p.alternative",
    {},
    make("span", {}, `${sentence(one.description)}: `, make("strong", {}, percent(one.probability))),
    button(".small", { onclick: () => actions.apply(one), "aria-label": `Apply: ${one.description}` }, "Apply"),
  );
}

function row(vertebra, actions) {
  const { name, probability, flags } = vertebra;
  const swatch = make("span.swatch", { "aria-hidden": "true" });
  swatch.style.setProperty("--colour", colourOf(name));
  const remark = flags.map((flag) => flag.message).join(" ");
  return make(
    "li",
    {},
    button(
      "",
      {
        "data-name": name,
        onclick: () => actions.choose(name),
        ondblclick: () => actions.rename(name),
        title: remark || null,
      },
      swatch,
      make("span.name", {}, name),
      probability === null ? make("span.quiet", { "aria-hidden": "true" }, "–") : meter(probability, null), // the number says it
      probability === null ? make("span") : make("span.number", {}, percent(probability)),
      flags.length ? icon("flag") : make("span"),
    ),
  );
}

function about({ name, centroid_mm: mm, probability, flags }, actions) {
  const swatch = make("span.swatch", { "aria-hidden": "true" });
  swatch.style.setProperty("--colour", colourOf(name));
  const where = mm.map((value, axis) => `${SIDES[axis][value < 0 ? 1 : 0]} ${Math.abs(value).toFixed(1)}`).join("  ");
  return [
    make(
      "header",
      {},
      make("h2", {}, swatch, name),
      probability === null ? null : make("span.quiet", {}, `name right: ${percent(probability)}`),
    ),
    make(
      "div.row",
      { role: "group", "aria-label": `Correct ${name}` },
      button(
        "",
        {
          title: "Choose the right name; the others follow  R",
          "aria-keyshortcuts": "R",
          onclick: () => actions.rename(name),
        },
        "Rename…",
      ),
      button(
        "",
        { title: "Move the centre to the crosshair  M", "aria-keyshortcuts": "M", onclick: actions.moveHere },
        "Move here",
      ),
      button(
        ".icon",
        {
          title: "Delete this vertebra  Del",
          "aria-label": `Delete ${name}`,
          "aria-keyshortcuts": "Delete",
          onclick: () => actions.remove(name),
        },
        icon("bin"),
      ),
    ),
    ...flags.map((flag) => make("p.flag", {}, icon("flag"), flag.message)),
    make("dl.facts", {}, make("dt", {}, "Centre, mm"), make("dd", {}, where)),
    measurements(state.result, name),
  ].filter(Boolean);
}

/** Patient's right and left, front and back, head and foot. */
const SIDES = ["RL", "AP", "SI"];

function meter(part, label) {
  const kind = part < 0.8 ? "bad" : part < 0.95 ? "fair" : "good";
  const said = label ? { role: "img", "aria-label": `${label}: ${percent(part)}` } : { "aria-hidden": "true" };
  const element = make(`span.meter.${kind}`, said);
  element.style.setProperty("--part", part);
  return element;
}

const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);
