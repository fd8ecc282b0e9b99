// The server's clock, and the texts on the page that follow it.
//
// A reader's own clock may be wrong, so every age is counted from the server's: each heartbeat tells how far the two are
// apart. All texts change in one frame, once a second, without rendering anything again.
import { isOn, onSetting } from "./settings.js";

const SECOND = 1000;

/** Server time minus the time since this page was opened. */
let offset = Date.now() - performance.now();
let isSynchronized = false;
/** The time at which the ages stand still, because nothing newer is known. */
let stoppedAt = null;
/** The moment that is shown; `null` for now. */
let heldAt = null;
let zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
let frame = null;
const texts = new Set();
const listeners = new Set();

/** The time to which ages count, in milliseconds since the epoch: the server's, or that of the moment that is shown. */
export function now() {
  return heldAt ?? serverNow();
}

/** The server's time, in milliseconds since the epoch. */
export function serverNow() {
  return stoppedAt ?? Math.round(performance.now() + offset);
}

/**
 * Ages stand still at a moment of the past, until `release`.
 * @param {number} at
 */
export function hold(at) {
  heldAt = at;
  writeAll();
}

/** Ages count to the server's time again. */
export function release() {
  if (heldAt === null) return;
  heldAt = null;
  writeAll();
}

/**
 * The server said what time it is.
 * @param {number} serverNow
 */
export function synchronize(serverNow) {
  offset = serverNow - performance.now();
  isSynchronized = true;
  stoppedAt = null;
}

/** Whether the server's time is known, and ages do not stand still. */
export function isRunning() {
  return isSynchronized && stoppedAt === null;
}

/** Ages stand still from here, until the next `synchronize`. */
export function stop() {
  stoppedAt ??= serverNow();
}

/** The time zone of every time on the page. */
export function timeZone() {
  return zone;
}

/**
 * @param {string | null} name Of the IANA database; anything else keeps the zone of the browser.
 */
export function chooseZone(name) {
  try {
    zone = new Intl.DateTimeFormat("en", { timeZone: name ?? undefined }).resolvedOptions().timeZone;
  } catch {
    // The server refuses an unknown zone and says so.
  }
}

/**
 * Calls `listener` once a second, also in a hidden tab.
 * @param {() => void} listener
 * @returns {() => void} ends it
 */
export function onTick(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/**
 * Keeps the text of an element up to date.
 * @param {{element: Element, text: (now: number, exact: boolean) => string}} entry
 * @returns {() => void} ends it
 */
export function keepText(entry) {
  texts.add(entry);
  write(entry);
  return () => texts.delete(entry);
}

/** Writes the text of one element now. */
export function write(entry) {
  const text = entry.text(now(), isOn("exact"));
  const node = entry.element.firstChild;
  if (node === null) entry.element.textContent = text;
  else if (node.nodeValue !== text) node.nodeValue = text;
}

function writeAll() {
  frame = null;
  for (const entry of texts) write(entry);
}

function tick() {
  for (const listener of listeners) listener();
  // A hidden tab has no frames; one waits until it is shown.
  frame ??= requestAnimationFrame(writeAll);
}

/** Begins to tick. Called once. */
export function startTicking() {
  setInterval(tick, SECOND);
  onSetting(writeAll);
}
