// The order of a list that somebody may be reading. Pure functions.

/**
 * @template Row
 * @typedef {{key: string, row: Row, isGone: boolean}} Entry
 */

/**
 * The rows as they are now.
 * @param {object[]} rows
 * @param {(row: object) => string} keyOf
 * @returns {Entry<object>[]}
 */
export function entriesOf(rows, keyOf) {
  return rows.map((row) => ({ key: keyOf(row), row, isGone: false }));
}

/**
 * The shown order with new values. Rows that left keep their place and are marked; new ones wait.
 * @param {Entry<object>[]} shown
 * @param {Entry<object>[]} latest
 * @returns {{entries: Entry<object>[], changes: number}} `changes`: arrivals, departures and moves to come
 */
export function holdOrder(shown, latest) {
  const byKey = new Map(latest.map((entry) => [entry.key, entry]));
  const shownKeys = new Set(shown.map((entry) => entry.key));
  const entries = shown.map((entry) => byKey.get(entry.key) ?? { ...entry, isGone: true });
  const departures = entries.filter((entry) => entry.isGone).length;
  const arrivals = latest.filter((entry) => !shownKeys.has(entry.key)).length;
  return { entries, changes: departures + arrivals + movedKeys(shown, latest).size };
}

/**
 * The keys that are in both lists and changed their place relative to the others: as few as explain the new order.
 * @param {Entry<object>[]} before
 * @param {Entry<object>[]} after
 * @returns {Set<string>}
 */
export function movedKeys(before, after) {
  const places = new Map(before.map((entry, place) => [entry.key, place]));
  const kept = after.filter((entry) => places.has(entry.key));
  const stayed = longestRise(kept.map((entry) => places.get(entry.key)));
  return new Set(kept.filter((_, index) => !stayed.has(index)).map((entry) => entry.key));
}

/** The indexes of a longest increasing subsequence of distinct numbers. */
function longestRise(numbers) {
  const tails = [];
  const previous = [];
  numbers.forEach((number, index) => {
    let low = 0;
    let high = tails.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (numbers[tails[middle]] < number) low = middle + 1;
      else high = middle;
    }
    previous[index] = low > 0 ? tails[low - 1] : -1;
    tails[low] = index;
  });
  const rise = new Set();
  for (let index = tails.at(-1) ?? -1; index >= 0; index = previous[index]) rise.add(index);
  return rise;
}
