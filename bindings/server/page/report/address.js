// What the address of a report says: the question, and which number of it is open. Pure functions.
import { ALL, countedBy } from "./measures.js";
import { addDays, periods } from "./period.js";

/** Parameters that the server knows. */
const ASKED = ["from", "to", "every", "by", "measure", "tz", "attribute", "exclude_agent", "tenant", "calendar", "known_at"];
/** Parameters that name a number: its measure, which part of it, its bucket and its group. */
const OPENED = ["rows", "part", "bucket", "group"];

/** The maximum number of rows that are read for a list. */
export const LIMIT = 100_000;

const listOf = (text) => (text ? text.split(",").filter(Boolean) : []);

/**
 * @typedef {object} Question
 * @property {string | null} from
 * @property {string | null} to
 * @property {string | null} every
 * @property {string[]} by
 * @property {string[]} measures empty: those of the page
 * @property {string | null} sort the column by which the table is sorted; `-` before it: the largest first
 * @property {string[]} excluded agents whose answers do not count
 * @property {string[]} tenants of which the report is; empty: all
 * @property {boolean} byStart whether durations belong to the time of their start
 */

/**
 * @param {string} search `location.search`
 * @returns {Question}
 */
export function parseQuestion(search) {
  const given = new URLSearchParams(search);
  return {
    from: given.get("from"),
    to: given.get("to"),
    every: given.get("every"),
    by: listOf(given.get("by")),
    measures: listOf(given.get("measure")).flatMap((measure) => (measure === "all" ? ALL.flat() : [measure])),
    sort: given.get("sort"),
    excluded: given.getAll("exclude_agent"),
    tenants: given.getAll("tenant"),
    byStart: given.get("attribute") === "start",
  };
}

/** A query that a person can read. */
function search(params) {
  const query = params.toString().replaceAll("%3A", ":").replaceAll("%2C", ",").replaceAll("%2F", "/");
  return query ? `?${query}` : "";
}

/**
 * The address with other parameters. No number of the other report is open.
 * @param {string} from `location.search`
 * @param {Record<string, string | null>} changes `null` removes
 */
export function hrefWith(from, changes) {
  const params = new URLSearchParams(from);
  for (const name of OPENED) params.delete(name);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === "") params.delete(name);
    else params.set(name, value);
  }
  return `/report${search(params)}`;
}

/**
 * The address of the report of an address that does not say of which time, or in which zone.
 * @returns {string | null} `null` if it says both
 */
export function completed(from, today, zone) {
  const given = new URLSearchParams(from);
  if (given.get("from") && given.get("tz")) return null;
  // Seven days, the last of them today.
  const bounds = given.get("from") ? {} : { from: addDays(today, -6), to: periods(today).today.to, every: given.get("every") ?? "1d" };
  return hrefWith(from, { ...bounds, tz: given.get("tz") ?? zone });
}

/**
 * The question for the server.
 * @param {string} from `location.search`
 * @param {string[]} measures what is asked for if the address names none
 * @param {Record<string, string | null>} changes
 */
export function questionOf(from, measures, changes = {}) {
  const given = new URLSearchParams(from);
  const params = new URLSearchParams();
  for (const name of ASKED) {
    for (const value of given.getAll(name)) if (value !== "") params.append(name, value);
  }
  if (!params.has("measure")) params.set("measure", measures.join());
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) params.delete(name);
    else params.set(name, value);
  }
  return `/api/v1/report${search(params)}`;
}

/**
 * A number of a report.
 * @typedef {object} Opened
 * @property {string} measure
 * @property {string} part
 * @property {number | null} from the bucket; `null` for the whole time
 * @property {number | null} to
 * @property {object | null} group as a row has it under `by`; `null` for all
 */

/**
 * The number that the address opens, or `null`.
 * @returns {Opened | null}
 */
export function openedOf(from) {
  const given = new URLSearchParams(from);
  const measure = given.get("rows");
  if (!measure) return null;
  const [begin, end] = (given.get("bucket") ?? "").split("/").map(Date.parse);
  let group = null;
  try {
    group = JSON.parse(given.get("group"));
  } catch {
    // Then all groups are listed.
  }
  const isBucket = begin < end;
  return { measure, part: given.get("part") ?? "", from: isBucket ? begin : null, to: isBucket ? end : null, group };
}

const iso = (at) => new Date(at).toISOString().replace(".000Z", "Z");

/** The address that opens a number. */
export function hrefOfNumber(from, { measure, part, from: begin, to: end, group }) {
  const params = new URLSearchParams(from);
  for (const name of OPENED) params.delete(name);
  params.set("rows", measure);
  if (part) params.set("part", part);
  if (begin !== null) params.set("bucket", `${iso(begin)}/${iso(end)}`);
  if (group !== null && Object.keys(group).length > 0) params.set("group", JSON.stringify(group));
  return `/report${search(params)}`;
}

/** The address without an open number. */
export const closedHref = (from) => hrefWith(from, {});

/** A report of the same bounds, whatever the present is. */
export const fixed = ({ from, to }) => ({ from: iso(from), to: iso(to) });

/** The question for what is behind a number: the report of its bucket alone, by the same groups. */
export function behindQuestion(from, { measure, from: begin, to: end, group }) {
  const isByStart = parseQuestion(from).byStart;
  // With durations at their start, the end of the report decides what has ended.
  const bucket = begin === null || isByStart ? {} : { from: iso(begin), to: iso(end), every: null };
  const all = group === null ? { by: null } : {};
  return questionOf(from, [], { ...bucket, ...all, measure: null, rows: measure, limit: String(LIMIT) });
}

/** Of what is behind a measure, the rows that a number counts. */
export function rowsOf({ part, from, group }, isByStart, rows) {
  const ofBucket = from !== null && isByStart ? rows.filter((row) => row.from === from) : rows;
  return countedBy(part, group === null ? ofBucket : ofBucket.filter(({ by }) => isGroup(by, group)));
}

/** Whether two rows are of the same group. The name of an agent with an id is not part of it. */
export function isGroup(by, group) {
  return Object.entries(group).every(([name, value]) => keyOf(by[name] ?? null) === keyOf(value));
}

function keyOf(value) {
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  return JSON.stringify([value.tenant ?? null, value.id ?? null, value.id == null ? (value.name ?? null) : null]);
}
