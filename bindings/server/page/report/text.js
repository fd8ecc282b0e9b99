// Every label and sentence of reports.
import { count, date, hourMinute, plural, shortId, spoken, time } from "../format.js";
import { text } from "../text.js";
import { withinOf } from "./measures.js";

const MEASURES = {
  open: ["Open", "open conversations"],
  unassigned: ["Unassigned", "open conversations without an agent"],
  waiting: ["Waiting", "open conversations in which the member waits for an answer"],
  unread: ["Unread messages", "unread messages in open conversations"],
  oldest_waiting: ["Oldest wait", "at the end of the time, how long the member waits who waits longest"],
  started: ["Started", "conversations whose first event is in the time, unless it closes them"],
  reopened: ["Reopened", "steps from closed to open"],
  closings: ["Closings", "steps from open to closed"],
  closed_conversations: ["Closed conversations", "conversations with a step from open to closed"],
  messages_in: ["Messages in", "messages from members"],
  messages_out: ["Messages out", "messages to members"],
  messages_other: ["Messages of unknown direction", "messages that do not say who wrote"],
  active_conversations: ["Active conversations", "conversations with a message"],
  assignments: ["Assignments", "changes to an agent, from nobody or from another agent"],
  transfers: ["Transfers", "changes from an agent to another one"],
  first_response: ["First response", "from the first question of a conversation to its answer"],
  response: ["Response", "from the first unanswered message of the member to the next answer"],
  unanswered: ["Unanswered", "waits that ended by a close"],
  time_to_assignment: ["Time to assignment", "from the first message of the member, or the start, to the first agent"],
  customer_wait: ["Customer wait", "time in which a conversation is open and the member waits"],
  agent_wait: ["Agent wait", "time in which a conversation is open and the member does not wait"],
  handling: ["Handling", "time in which a conversation is open and has an agent"],
  first_close: ["First close", "from the start to the first close"],
  last_close: ["Last close", "from the start to the last close, of conversations that are closed at the end of the time"],
  open_time: ["Open time", "time open, of conversations that are closed at the end of the time"],
  one_turn: ["One turn", "of the closed ones, those that were never reopened and have one answered turn"],
  one_agent: ["One agent", "of the closed ones, those that were never reopened and were answered by one agent"],
};

/** These words, over those of the board. */
export const words = {
  ...text,

  titleOf: (from, to) => `Report, ${from} to ${to} - convofold`,
  titleWithout: "Report - convofold",
  board: "Board",
  toNumbers: "To the numbers",
  between: (from, to) => (from === to ? from : `${from} to ${to}`),

  // What is asked
  period: "Period",
  periods: { today: "Today", yesterday: "Yesterday", thisWeek: "This week", lastWeek: "Last week", last30Days: "Last 30 days", own: "Own dates" },
  from: "From",
  lastDay: "To, with that day",
  every: "Every",
  buckets: { "": "the whole time", "1h": "hour", "1d": "day", "1w": "week", "1mo": "month" },
  by: "By",
  groups: { agent: "agent", tenant: "tenant", channel: "channel", source: "source", shortcode: "shortcode" },
  measures: (n) => `Measures: ${count(n)}`,
  kinds: ["At the end of each time", "Longest at the end", "Numbers", "Durations", "Sums of time"],
  answeredInTime: "Answered in time",
  usualMeasures: "The usual ones",
  knownAt: "As known at",
  knownAtHint: "the report as it was before anything was learned later",
  knownNow: "Now",
  zoneOf: (zone) => `Times and days are those of ${zone}.`,
  byStart: "Durations belong to the time of their start.",
  onlyTenants: (tenants) => `Only ${tenants.length === 1 ? "tenant" : "tenants"} ${tenants.join(", ")}.`,
  allTenants: "All tenants",
  without: (agents) => `Without the answers of ${agents.join(", ")}.`,
  inBusinessHours: "Durations count inside business hours.",

  // The answer
  computing: "Computing",
  computingFor: (seconds) => `Computing for ${count(seconds)} s`,
  answeredAt: (at, zone) => `computed at ${time(at, zone)}`,
  refresh: "Refresh",
  notComputed: "The report could not be computed.",
  shownBefore: "What is shown was computed before.",
  nothing: "Nothing happened in this time.",
  saidReady: (n) => `The report is there: ${plural(n, "row")}`,
  asCsv: "as CSV",
  asJson: "as JSON",

  measure: (name) => MEASURES[name]?.[0] ?? within(name) ?? name,
  definition: (name) => MEASURES[name]?.[1] ?? (withinOf(name) === null ? "" : "turns that were answered in this time; missed: those that were not"),
  parts: { "": "", n: "number", end: "at the end", max: "most", p50: "half within", p90: "90% within", pending: "pending", share: "in time", met: "met", missed: "missed" },
  part: (measure, part) => [words.measure(measure), words.parts[part]].filter(Boolean).join(", "),

  // Charts
  charts: "Over time",
  keyOf: { level: "bar: at the end; line: the most", distribution: "bar: half within; line: 90% within", outcome: "bar: answered in time" },
  chartOf: (measure, group) => (group === null ? words.measure(measure) : `${words.measure(measure)}, ${group}`),
  chartSays: (first, last, most) => `From ${first} to ${last}.${most ? ` The most is ${most.number}, ${most.at}.` : " There is no value."}`,
  asTable: "As a table",
  groupsOf: (by) => `By ${by.map((name) => words.groups[name] ?? name).join(" and ")}`,
  firstGroups: (shown, n) => `first ${count(shown)} of ${plural(n, "group")}; the table below has all`,
  noValue: "No value in this time.",
  none: "none",

  // The table
  numbers: "All numbers",
  scrolls: "All numbers, a table that scrolls",
  time: "Time",
  allTogether: "All together",
  sortedBy: "sorted",
  rowsShown: (shown, n) => (shown === n ? plural(n, "row") : `first ${count(shown)} of ${plural(n, "row")} shown`),
  moreRows: (n) => `Show ${count(n)} more`,
  unknownDirections: (n) => `${plural(n, "message")} of unknown direction: each can be a question or an answer that is missing from the response times.`,
  group: (by, value) => {
    if (by === "agent") return value === null || (value.id === null && value.name === null) ? text.nobody : (value.name ?? value.id);
    if (value === null) return by === "tenant" ? text.noTenant : text.channelNotKnown;
    return by === "channel" ? value.replaceAll("_", " ") : value;
  },
  agentOf: (agent, tenant) => (tenant === null ? agent : `${agent} (${shortId(tenant)})`),

  // What is behind a number
  behind: "What is behind the number",
  backToReport: "The report",
  listed: (n, measure) => plural(n, EACH[measure] ?? (withinOf(measure) === null ? "conversation" : "turn")),
  asTheNumberSays: "as the number says",
  addsUpTo: (number) => `their values add up to ${number}, as the number says`,
  longestIs: (number) => `the longest is ${number}, as the number says`,
  differs: (number, at) => `The report that was computed at ${at} says ${number}: something was learned since.`,
  cut: (n) => `Only the first ${count(n)} were read: shorten the time for a complete list.`,
  nothingBehind: "Nothing was counted.",
  conversation: "Conversation",
  began: "Began",
  happened: "Happened",
  value: "Value",
  outcome: "Outcome",
  outcomes: { met: "met", missed: "missed", pending: "pending" },
  behindShown: (shown, n) => `first ${count(shown)} of ${count(n)} shown`,
  dayAndTime: (at, zone) => `${date(at, zone)}, ${hourMinute(at, zone)}`,
};

/** What each row behind a measure is, if it is not a conversation. */
const EACH = {
  messages_in: "message",
  messages_out: "message",
  messages_other: "message",
  reopened: "reopening",
  closings: "closing",
  assignments: "assignment",
  transfers: "transfer",
  response: "turn",
  unanswered: "wait",
};

function within(name) {
  const ms = withinOf(name);
  return ms === null ? null : `Answered within ${spoken(ms)}`;
}
