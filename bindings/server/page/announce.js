// Waits that become critical: one sentence for the few that cross within seconds.
import { spoken } from "./format.js";
import { levelOf } from "./levels.js";
import { agentName, memberName } from "./names.js";
import { text } from "./text.js";

/** Crossings within this time are one sentence. */
export const TOGETHER_MS = 5000;

/**
 * The waits that became critical since the last look, each once, and the ids to remember.
 * @param {Set<string> | null} known ids of waits that were critical; `null` at the first look, which announces nothing
 * @param {object[]} waits
 * @param {number} at
 * @param {import("./levels.js").Thresholds} thresholds
 */
export function crossings(known, waits, at, thresholds) {
  const critical = waits.filter((row) => levelOf(row.waiting_since, at, thresholds) === "critical");
  const crossed = known === null ? [] : critical.filter((row) => !known.has(row.id));
  // A wait stays known until it ends, also if a late event makes it shorter.
  const stillKnown = waits.filter((row) => known?.has(row.id));
  return { crossed, known: new Set([...critical, ...stillKnown].map((row) => row.id)) };
}

/**
 * @param {object[]} rows that crossed together
 * @param {number} crit
 */
export function sentence(rows, crit) {
  if (rows.length > 1) return text.severalWaitTooLong(rows.length, spoken(crit));
  const [row] = rows;
  return text.waitsTooLong(memberName(row.member_name) ?? text.somebody, spoken(crit), row.agent ? agentName(row.agent) : text.nobody);
}
