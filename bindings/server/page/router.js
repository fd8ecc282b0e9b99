// The address of the page, and moving between addresses without loading the page again.
import { conversationPath } from "./format.js";
import { addressAt, momentOf } from "./moment.js";

const listeners = new Set();
const BOARD = "convofold.board";

/** @param {() => void} listener called after the address changed */
export function onNavigate(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/**
 * @param {string} url
 * @param {{replace?: boolean}} [options] `replace`: without an entry in the history
 */
export function navigate(url, { replace = false } = {}) {
  history[replace ? "replaceState" : "pushState"](null, "", url);
  for (const listener of listeners) listener();
}

/**
 * @param {string} segment a part of a path
 * @returns {string | null} what it says, or `null` if its percent signs make no sense
 */
export function decoded(segment) {
  try {
    return decodeURIComponent(segment);
  } catch {
    return null;
  }
}

/** The conversation that the address names, or `null`. The address is ahead of what is shown until the next frame. */
export function addressedConversation() {
  const found = /^\/c\/([^/]+)/.exec(location.pathname);
  return found && decoded(found[1]);
}

/** The address of a conversation at the moment that is shown. */
export function conversationUrl(id) {
  return addressAt({ pathname: conversationPath(id), search: "" }, momentOf(location.search));
}

/** Remembers the board as it is now, so that a conversation leads back to it with its filters. */
export function rememberBoard() {
  if (location.pathname !== "/") return;
  try {
    sessionStorage.setItem(BOARD, location.pathname + location.search);
  } catch {
    // Then the way back is to the board without filters.
  }
}

/** The address of the board that was shown last. */
export function boardUrl() {
  try {
    return sessionStorage.getItem(BOARD) ?? "/";
  } catch {
    return "/";
  }
}

/** The way back leads to the board of now: the reader left the past. */
export function forgetMoment() {
  try {
    const [pathname, search = ""] = boardUrl().split("?");
    sessionStorage.setItem(BOARD, addressAt({ pathname, search }, null));
  } catch {
    // Then the board was not remembered.
  }
}

/** The page to show again after signing in. */
export function loginUrl() {
  return `/login?next=${encodeURIComponent(location.pathname + location.search + location.hash)}`;
}

function isPlainClick(event) {
  return event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey || event.defaultPrevented);
}

const OWN = /^\/(wall|status|login|report|c\/.+)?$/;

function onClick(event) {
  const link = event.target.closest?.("a[href]");
  if (!link || !isPlainClick(event) || link.target || link.hasAttribute("download")) return;
  const url = new URL(link.href);
  const isHere = url.pathname + url.search === location.pathname + location.search;
  if (url.origin !== location.origin || !OWN.test(url.pathname) || (isHere && url.hash)) return;
  event.preventDefault();
  navigate(url.href);
}

/** Begins to follow links and the history. Called once. */
export function startRouting() {
  document.addEventListener("click", onClick);
  addEventListener("popstate", () => {
    for (const listener of listeners) listener();
  });
}
