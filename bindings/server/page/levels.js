// How urgent a wait is, by the two thresholds. Pure functions of a snapshot and a time.

/**
 * @typedef {{warn_ms: number, crit_ms: number, silent_ms: number}} Thresholds
 * @typedef {"critical" | "warning" | "under"} Level
 */

/** From the most urgent one. */
const LEVELS = ["critical", "warning", "under"];

/**
 * @param {number | null} since when the wait began
 * @param {number} at
 * @param {Thresholds} thresholds
 * @returns {Level | null} `null` if nobody waits
 */
export function levelOf(since, at, { warn_ms: warn, crit_ms: crit }) {
  if (since === null || since === undefined) return null;
  const wait = at - since;
  if (wait >= crit) return "critical";
  return wait >= warn ? "warning" : "under";
}

/** Whether an agent with open conversations has been silent for too long. */
export function isSilent(agent, at, { silent_ms: silent }) {
  return typeof agent.last_reply_at === "number" && at - agent.last_reply_at >= silent;
}

/**
 * The numbers of waits by level at a time after the snapshot: waits that crossed a threshold since then have moved.
 * @param {object} board a snapshot
 * @param {number} at
 * @returns {Record<Level, number>}
 */
export function bandsAt({ bands, waits, now, thresholds }, at) {
  const moved = { ...bands };
  for (const { waiting_since: since } of waits) {
    const before = levelOf(since, now, thresholds);
    const after = levelOf(since, at, thresholds);
    moved[before] -= 1;
    moved[after] += 1;
  }
  return moved;
}

/**
 * Where the lines between the levels stand: over the first row of each. While an order is held, a row may be less urgent than
 * the rows after it; it then has no line.
 * @param {(Level | null)[]} levels of the rows, from the top
 * @returns {Map<number, Level>} by the place of the row below the line
 */
export function bandPlaces(levels) {
  const places = new Map();
  let most = LEVELS.length;
  for (let place = levels.length - 1; place >= 0; place--) {
    const rank = LEVELS.indexOf(levels[place]);
    if (rank < 0 || rank > most) continue;
    if (rank === most) places.delete(last(places));
    places.set(place, levels[place]);
    most = rank;
  }
  return places;
}

const last = (places) => [...places.keys()].at(-1);

/**
 * The next time at which something on the board becomes more urgent without an event.
 * @param {object} board a snapshot
 * @param {number} at
 */
export function nextCrossing(board, at) {
  const { warn_ms: warn, crit_ms: crit, silent_ms: silent } = board.thresholds;
  const times = [];
  for (const { waiting_since: since } of [...board.waits, ...board.nobody]) {
    if (since !== null) times.push(since + warn, since + crit);
  }
  for (const { oldest_waiting_since: since, last_reply_at: reply } of board.agents) {
    if (since !== null) times.push(since + warn, since + crit);
    if (typeof reply === "number") times.push(reply + silent);
  }
  return Math.min(Infinity, ...times.filter((time) => time > at));
}
