// Single keys, and pairs such as `g w`. They never act in a text field, and a reader can switch them off.
import { isOn } from "./settings.js";

/** What acts now: the part of the page that is shown adds its keys, and removes them when it goes. */
const layers = [];
let prefix = "";
let prefixTimer = null;
const PAIR_MS = 1500;

/**
 * @param {Record<string, (event: KeyboardEvent) => unknown>} actions by key: `j`, `Escape`, `g w`. One that returns `false` leaves
 *   the key to the layer below.
 * @returns {() => void} removes them
 */
export function addKeys(actions) {
  layers.push(actions);
  return () => layers.splice(layers.indexOf(actions), 1);
}

/** @returns whether a layer took the key */
function act(key, event) {
  return layers.toReversed().some((layer) => layer[key] && layer[key](event) !== false);
}

/** Inputs that take no text. */
const NO_TEXT = "[type=range], [type=radio], [type=checkbox]";

const isPrefix = (key) => layers.some((layer) => Object.keys(layer).some((name) => name.startsWith(`${key} `)));

function isTyping(target) {
  return target instanceof HTMLElement && (target.isContentEditable || (target.matches("input, select, textarea") && !target.matches(NO_TEXT)));
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  // A dialog has the keyboard for itself.
  if (document.querySelector("dialog[open]")) return;
  const { key } = event;
  // Escape is not a character, so it works everywhere and always.
  if (key !== "Escape" && (isTyping(event.target) || !isOn("keys"))) return;
  // A focused link or button has its own Enter.
  if (key === "Enter" || key === " ") return;
  const name = prefix ? `${prefix} ${key}` : key;
  clearTimeout(prefixTimer);
  prefix = "";
  if (isPrefix(name)) {
    prefix = name;
    prefixTimer = setTimeout(() => (prefix = ""), PAIR_MS);
    return;
  }
  if (act(name, event)) event.preventDefault();
}

/** Begins to listen. Called once. */
export function listenToKeys() {
  document.addEventListener("keydown", onKey);
}
