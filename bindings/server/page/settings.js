// What a reader chose for this browser. Kept in its storage, or only in memory if that is blocked.

const DEFAULTS = { theme: "auto", sound: "off", keys: "on", exact: "off" };
const PREFIX = "convofold.";
const chosen = { ...DEFAULTS };
const listeners = new Set();

for (const name of Object.keys(DEFAULTS)) {
  try {
    chosen[name] = localStorage.getItem(PREFIX + name) ?? DEFAULTS[name];
  } catch {
    break;
  }
}

/** @param {keyof DEFAULTS} name */
export function setting(name) {
  return chosen[name];
}

/** @param {keyof DEFAULTS} name */
export function isOn(name) {
  return chosen[name] === "on";
}

/**
 * @param {keyof DEFAULTS} name
 * @param {string} value
 */
export function choose(name, value) {
  chosen[name] = value;
  try {
    localStorage.setItem(PREFIX + name, value);
  } catch {
    // It then lasts as long as the page.
  }
  for (const listener of listeners) listener(name);
}

/** @param {keyof DEFAULTS} name */
export function toggle(name) {
  choose(name, isOn(name) ? "off" : "on");
}

/**
 * @param {(name: string) => void} listener
 * @returns {() => void} ends it
 */
export function onSetting(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
