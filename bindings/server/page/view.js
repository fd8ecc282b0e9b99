// What the address says: conditions, thresholds and order. Pure functions from an address to a question and back.
import { channel, duration, parseDuration } from "./format.js";
import { momentParams } from "./moment.js";
import { text } from "./text.js";

/** Conditions that limit what the board is about. */
const SCOPE = ["tenant", "no_tenant", "channel", "no_channel", "agent", "agent_id", "agent_name", "member", "number", "shortcode"];
/** Conditions that select a list. */
const SELECTION = ["unassigned", "unread_min", "waiting", "waiting_min", "idle_min", "suspect"];
/** Conditions without a value. */
const FLAGS = new Set(["no_tenant", "no_channel", "unassigned", "waiting", "suspect"]);
/** Selections whose list is "who waits". */
const WAITS = new Set(["waiting", "waiting_min"]);
/** Parameters that stay when the filters are cleared. */
const KEPT = ["warn", "crit", "tz", "theme", "as_of", "known_at"];

const CONDITIONS = [...SCOPE, ...SELECTION];
/** The maximum number of rows of a list in the page. */
export const ROWS = 100;

/**
 * @typedef {object} View
 * @property {Record<string, string>} conditions by name; a flag is `"1"`
 * @property {string | null} sort
 * @property {boolean} isList whether the list of all matching conversations is shown in place of who waits
 * @property {boolean} isSelection whether the board shows one list, in place of who waits and who has nobody
 * @property {string | null} cursor of a page of the list
 * @property {number} from rows of the list before that page
 * @property {Record<string, string>} kept what is not a condition
 */

/**
 * @param {string} search `location.search`
 * @returns {View}
 */
export function parseView(search) {
  const given = new URLSearchParams(search);
  const conditions = {};
  for (const name of CONDITIONS) {
    const value = given.get(name);
    if (value === null || value === "") continue;
    if (!FLAGS.has(name)) conditions[name] = value;
    else if (value === "1" || value === "true") conditions[name] = "1";
  }
  const kept = {};
  for (const name of KEPT) {
    if (given.get(name)) kept[name] = given.get(name);
  }
  const selected = SELECTION.filter((name) => name in conditions);
  return {
    conditions,
    sort: given.get("sort"),
    isList: given.has("status") || selected.some((name) => !WAITS.has(name)),
    isSelection: given.has("status") || selected.length > 0,
    cursor: given.get("cursor"),
    from: Number(given.get("from")) || 0,
    kept,
  };
}

/** Whether a condition is on, so that it can be cleared. */
export function isFiltered(view) {
  return Object.keys(view.conditions).length > 0;
}

/**
 * An address of the board.
 * @param {View} view where the reader is
 * @param {Record<string, string | null>} changes `null` removes
 */
export function hrefOf(view, changes) {
  const params = new URLSearchParams();
  const all = { ...view.conditions, ...changes };
  for (const [name, value] of Object.entries({ ...all, ...view.kept })) {
    if (value !== null && value !== undefined && value !== "") params.set(name, value);
  }
  const query = params.toString();
  return query ? `/?${query}` : "/";
}

/** What stays of an address, for one of now. */
export function withoutMoment({ as_of: _asOf, known_at: _knownAt, ...kept }) {
  return kept;
}

/** The report of the tenant of a view, in its zone and as known at its moment. */
export function reportHref({ conditions, kept }) {
  const params = new URLSearchParams();
  if (conditions.tenant) params.set("tenant", conditions.tenant);
  for (const name of ["tz", "known_at"]) {
    if (kept[name]) params.set(name, kept[name]);
  }
  const query = params.toString();
  return query ? `/report?${query}` : "/report";
}

/** The board with the same thresholds and no conditions. */
export function clearedHref(view) {
  return hrefOf({ conditions: {}, kept: view.kept }, {});
}

/**
 * The condition that selects an agent exactly, as `hrefOf` takes it.
 * @param {{tenant: string | null, agent: {id?: string | null, name?: string | null} | null}} row
 */
export function agentConditions({ tenant, agent }) {
  const which = agent === null ? { unassigned: "1" } : agent.id ? { agent_id: agent.id } : { agent_name: agent.name };
  const ofTenant = tenant === null ? { no_tenant: "1", tenant: null } : { tenant, no_tenant: null };
  return { agent: null, agent_id: null, agent_name: null, unassigned: null, ...ofTenant, ...which };
}

/** The parameter for waits of at least `ms` that also match the condition of the view. */
export function longerWait(view, ms) {
  return duration(Math.max(ms, parseDuration(view.conditions.waiting_min ?? "0") ?? 0));
}

/**
 * The conditions in words.
 * @param {View} view
 * @param {{agents: {id: string | null, name: string | null}[]}} choices names of agents
 */
export function describe(view, choices) {
  return Object.entries(view.conditions)
    .map(([name, value]) => text.conditions[name](inWords(name, value, choices)))
    .join(", ");
}

function inWords(name, value, choices) {
  if (name === "channel") return channel(value);
  return name === "agent_id" ? (choices.agents.find((agent) => agent.id === value)?.name ?? value) : value;
}

function conditionParams(view) {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(view.conditions)) {
    if (FLAGS.has(name)) params.set(name, "true");
    else if (name === "waiting_min" && parseDuration(value) === 0) params.set("waiting", "true");
    else params.set(name, value);
  }
  return params;
}

/**
 * The question for the board.
 * @param {View} view
 * @param {string} zone
 * @param {number} limit rows of a list
 * @param {import("./moment.js").Moment | null} moment `null` for now
 */
export function boardQuestion(view, zone, limit = ROWS, moment = null) {
  const params = conditionParams(view);
  for (const name of ["warn", "crit"]) {
    if (view.kept[name]) params.set(name, view.kept[name]);
  }
  params.set("tz", view.kept.tz ?? zone);
  params.set("limit", limit);
  return `/api/v1/board?${params}${momentParams(moment)}`;
}

/** The order of a list: as asked, otherwise who waits longest, otherwise the latest activity. */
export function sortOf(view) {
  if (view.sort) return view.sort;
  return "waiting" in view.conditions || "waiting_min" in view.conditions ? "waiting" : "activity";
}

/**
 * The question for one page of the list of open conversations.
 * @param {View} view
 */
export function listQuestion(view) {
  const params = conditionParams(view);
  params.set("status", "open");
  params.set("rows", "true");
  params.set("sort", sortOf(view));
  params.set("limit", ROWS);
  if (view.cursor) params.set("cursor", view.cursor);
  for (const name of ["as_of", "known_at"]) {
    if (view.kept[name]) params.set(name, view.kept[name]);
  }
  return `/api/v1/conversations?${params}`;
}
