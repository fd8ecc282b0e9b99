// The list that a conversation was opened from, so that `j` and `k` lead through it. It lasts as long as the tab.

const KEY = "convofold.list";

/**
 * Remembers the list that is on the screen. The board calls it when a row is opened.
 * @param {{name: "waits" | "nobody" | "open", ids: string[]}} list in the order that is shown
 */
export function keepList(list) {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(list));
  } catch {
    // Storage can be blocked or full. There is then no list to walk through.
  }
}

/** The list that was kept last, or `null`. */
export function keptList() {
  try {
    const list = JSON.parse(sessionStorage.getItem(KEY));
    return Array.isArray(list?.ids) ? list : null;
  } catch {
    return null;
  }
}

/**
 * The place of a conversation in a list: `{number, of, name, previous, next}`; `null` if it is not in it.
 * @param {ReturnType<typeof keptList>} list
 * @param {string} id
 */
export function placeIn(list, id) {
  const at = list ? list.ids.indexOf(id) : -1;
  if (at < 0) return null;
  return { name: list.name, number: at + 1, of: list.ids.length, previous: list.ids[at - 1] ?? null, next: list.ids[at + 1] ?? null };
}
