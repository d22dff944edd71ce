// Making elements, asking, telling.

/**
 * An element: `make("button.primary", { type: "button", onclick: ... }, "Text", child)`.
 * Names with a dash and `role`, `for` become attributes, others properties; null children are left out.
 */
export function make(selector, properties = {}, ...children) {
  const [tag, ...classes] = selector.split(".");
  const element = document.createElement(tag);
  if (classes.length) element.className = classes.join(" ");
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name.includes("-") || name === "role" || name === "for" || name === "list") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** A button, which never sends a form. */
export const button = (selector, properties, ...children) =>
  make(`button${selector}`, { type: "button", ...properties }, ...children);

/** An icon of the sprite in index.html. */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "i");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

export const find = (selector) => document.querySelector(selector);

/** Read out by a screen reader, shown nowhere. */
export function announce(text) {
  const live = find("#live");
  live.textContent = "";
  requestAnimationFrame(() => (live.textContent = text));
}

/** A short message at the bottom; errors stay until closed. `action`: {label, run}; only the newest can be acted on. */
export function toast(text, { error = false, action = null } = {}) {
  const close = () => box.remove();
  const run = () => {
    close();
    action.run();
  };
  const box = make(
    `div.toast${error ? ".error" : ""}`,
    { role: error ? "alert" : "status" },
    make("span", {}, text),
    action && button(".link", { onclick: run }, action.label),
    button(".icon", { onclick: close, "aria-label": "Close this message" }, icon("x")),
  );
  if (error && !action) for (const old of document.querySelectorAll(".toast.error")) if (old.innerText === text) old.remove();
  if (action && !error) for (const old of document.querySelectorAll(".toast.acting")) old.remove();
  box.classList.toggle("acting", Boolean(action) && !error);
  find("#toasts").prepend(box); // the newest lies lowest, where they begin
  if (!error) setTimeout(close, 7000);
}

/** Run what a control asked for and show what goes wrong. */
export async function attempt(work) {
  try {
    return await work();
  } catch (error) {
    if (error.name !== "AbortError") toast(error.message, { error: true });
    return undefined;
  }
}

let dialogs = 0;

/**
 * A dialog in the middle; resolves to the value of the button that closed it, "" when dismissed.
 * `body` are elements; `size` is "", "wide" or "wider"; `buttons` {label, value, kind}, which
 * get their `button`; the first button of a dialog has the focus unless `focus` is given.
 */
export function ask({ title, body = [], buttons = [], size = "", focus = null }) {
  return new Promise((resolve) => {
    const heading = make("h2", { id: `dialog-${++dialogs}` }, title);
    const close = button(".icon", { onclick: () => dialog.close(""), "aria-label": "Close" }, icon("x"));
    const foot = buttons.map((one) => {
      one.button = button(one.kind ?? "", { onclick: () => dialog.close(one.value) }, one.label);
      return one.button;
    });
    const content = make("div.body", {}, ...body);
    if (!content.querySelector("button, input")) content.tabIndex = 0; // else no key scrolls it
    const dialog = make(
      `dialog${size && `.${size}`}`,
      { "aria-labelledby": heading.id, onclose: () => (dialog.remove(), resolve(dialog.returnValue)) },
      make("header", {}, heading, close),
      content,
      foot.length ? make("footer", {}, ...foot) : null,
    );
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close(""));
    document.body.append(dialog);
    dialog.showModal();
    (focus ?? foot[0] ?? close).focus();
  });
}

/** Whether a dialog is open. */
export const isAsking = () => find("dialog[open]") !== null;

/** Save bytes as a file. */
export function save(blob, name) {
  const link = make("a", { href: URL.createObjectURL(blob), download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

export const percent = (part) =>
  `${part > 0.995 && part < 1 ? ">99" : part > 0 && part < 0.005 ? "<1" : Math.round(100 * part)}\u00a0%`;
