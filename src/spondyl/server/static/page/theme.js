// Light, dark, or as the system says; remembered in this browser.

import { announce, find } from "./dom.js";

const CHOICES = ["auto", "light", "dark"];
const SCHEME = { auto: "light dark", light: "light", dark: "dark" };
const WORDS = { auto: "Colours as the system", light: "Light colours", dark: "Dark colours" };

export function theme() {
  const control = find("#theme");
  let choice = remembered();
  const show = () => {
    document.documentElement.style.colorScheme = SCHEME[choice];
    control.title = `${WORDS[choice]}; click to change`;
    control.setAttribute("aria-label", control.title);
  };
  control.onclick = () => {
    choice = CHOICES[(CHOICES.indexOf(choice) + 1) % CHOICES.length];
    remember(choice);
    show();
    announce(WORDS[choice]);
  };
  show();
}

/** Browsers that are told to keep nothing refuse even to be asked. */
function remembered() {
  try {
    const choice = localStorage.getItem("theme");
    return CHOICES.includes(choice) ? choice : "auto";
  } catch {
    return "auto";
  }
}

function remember(choice) {
  try {
    localStorage.setItem("theme", choice);
  } catch {
    // It holds for this visit.
  }
}
