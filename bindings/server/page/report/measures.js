// The measures of a report: the kind of each, the numbers of its values, and what a number says. Pure.
import { count, NONE, parseDuration, span } from "../format.js";

/** @typedef {"level" | "duration" | "count" | "distribution" | "total" | "outcome"} Kind */

/** The kinds of docs/measures.md, in its order. */
const NAMES = {
  level: ["open", "unassigned", "waiting", "unread"],
  duration: ["oldest_waiting"],
  count: ["started", "reopened", "closings", "closed_conversations", "messages_in", "messages_out", "messages_other", "active_conversations", "assignments", "transfers", "one_turn", "one_agent"],
  distribution: ["first_response", "response", "unanswered", "time_to_assignment", "first_close", "last_close", "open_time"],
  total: ["customer_wait", "agent_wait", "handling"],
};

/** Every measure without a parameter, in groups of a kind. */
export const ALL = Object.values(NAMES);

/** What a report shows if its address names no measures. */
export const DEFAULT = ["started", "closings", "messages_in", "messages_out", "first_response", "response", "unanswered", "open", "oldest_waiting"];

/**
 * @param {string} measure
 * @returns {Kind}
 */
export function kindOf(measure) {
  return Object.keys(NAMES).find((kind) => NAMES[kind].includes(measure)) ?? (withinOf(measure) === null ? "count" : "outcome");
}

/** The milliseconds of `within(300000)`, as answers spell it, or of `within:5m`; `null` for another measure. */
export function withinOf(measure) {
  const [, ms, length] = /^within(?:\((\d+)\)|:(.+))$/.exec(measure) ?? [];
  return ms === undefined ? (length === undefined ? null : parseDuration(length)) : Number(ms);
}

/** The numbers of a value that a table has. `""`: the value is the number. */
const PARTS = {
  level: ["end", "max"],
  duration: [""],
  count: [""],
  distribution: ["n", "p50", "p90", "pending"],
  total: [""],
  outcome: ["share", "met", "missed", "pending"],
};

/** `unanswered` cannot be pending. */
export function partsOf(measure) {
  return measure === "unanswered" ? PARTS.distribution.slice(0, 3) : PARTS[kindOf(measure)];
}

/** One number of a value; `null` if there is none. */
export function numberOf(value, part) {
  return (part === "" ? value : value?.[part]) ?? null;
}

/** The measures of a row of an answer, in the order in which they were asked for. */
export function measuresOf(row) {
  return Object.keys(row).filter((name) => !["from", "to", "by"].includes(name));
}

/** A number as it is shown. */
export function shown(measure, part, number) {
  if (number === null) return NONE;
  if (part === "share") return `${Math.round(number * 100)}%`;
  return isTime(measure, part) ? span(number) : count(number);
}

function isTime(measure, part) {
  const kind = kindOf(measure);
  return kind === "total" || kind === "duration" || (kind === "distribution" && !["n", "pending"].includes(part));
}

/** Whether nothing was measured. */
export function isEmpty(measure, value) {
  return partsOf(measure).every((part) => !numberOf(value, part));
}

/**
 * What a chart draws for a value: a bar, and a thin line from its top.
 * @returns {{bar: number | null, line: number | null}}
 */
export function drawn(measure, value) {
  const [bar, line] = { level: ["end", "max"], distribution: ["p50", "p90"], outcome: ["share"] }[kindOf(measure)] ?? [""];
  return { bar: numberOf(value, bar), line: line === undefined ? null : numberOf(value, line) };
}

/** Which number a chart draws, so that its scale can be written. */
export const barPart = (measure) => ({ level: "end", distribution: "p50", outcome: "share" })[kindOf(measure)] ?? "";

/**
 * Whether the list behind a measure has the things that a number counts. The largest level is of a time that no answer names.
 * @param {string} part
 * @param {number | null} number
 */
export function opens(part, number) {
  return part !== "max" && number !== null && number !== 0;
}

/** Of the rows behind a measure, those that a number counts. */
export function countedBy(part, rows) {
  if (["pending", "met", "missed"].includes(part)) return rows.filter(({ outcome }) => outcome === part);
  return rows.filter(({ outcome }) => outcome !== "pending");
}

/**
 * What the rows behind a number say that it is.
 * @param {string} measure
 * @param {object[]} rows those that it counts
 */
export function recounted(measure, rows) {
  const values = rows.map(({ value }) => value ?? 0);
  if (measure === "unread" || kindOf(measure) === "total") return values.reduce((a, b) => a + b, 0);
  if (kindOf(measure) === "duration") return values.length === 0 ? null : values.reduce((a, b) => Math.max(a, b));
  return rows.length;
}

/** The number that the rows of a part say: percentiles and shares are of as many as were counted. */
export function countedNumber(measure, part, value) {
  const kind = kindOf(measure);
  if (kind === "level") return value.end;
  if (kind === "distribution" && part !== "pending") return value.n;
  if (kind === "outcome" && part === "share") return value.met + value.missed;
  return numberOf(value, part);
}
