// Every label and sentence of the page.
import { count, plural, spoken } from "./format.js";

export const text = {
  product: "convofold",
  noSuchPage: "There is no such page.",
  toBoard: "To the board",
  loading: "Loading",

  // Badge and notices
  badge: {
    live: "LIVE",
    quiet: "QUIET",
    stale: "STALE",
    connecting: "CONNECTING",
    signed_out: "SIGNED OUT",
    refused: "REFUSED",
  },
  seq: (seq) => `seq ${count(seq)}`,
  noEventFor: "no event for",
  ago: " ago",
  noWordSince: (time) =>
    `No word from the server since ${time}. Nothing here is newer than that, and waits are at least what is shown.`,
  noWordYet: "No word from the server yet.",
  tryingAgain: (seconds) => (seconds > 0 ? `Trying again in ${seconds} s.` : "Trying again now."),
  tryNow: "Try now",
  readAnew: "Read anew",
  databaseReplaced: (time) =>
    `The server's database was replaced at ${time}. Everything was read again; sequence numbers start over.`,
  signedOut: "Signed out",
  tokenEnded: (time) => `This screen's token ended at ${time}. What is shown is from then.`,
  noToken: "This server asks for a token.",
  signIn: "Sign in",
  refused: "Refused",
  refusedView: (detail) => `The server refused this view: ${detail}.`,
  newVersion: "New version",
  newVersionServed: (version) => `The server is version ${version} now; this page is older.`,
  reload: "Reload",
  dismiss: "Dismiss",

  // The bar
  theme: (theme) => `Theme: ${theme}`,
  switchTo: (name, value) => `${name}: ${value}`,
  sound: "Sound",
  soundBlocked: "on with the first click",
  exactTimes: "Exact times",
  singleKeys: "Single keys",
  thisScreen: "This screen",
  filters: "Filters",
  moreFilters: "More filters",
  fewerFilters: "Fewer filters",
  clearFilters: "Clear the filters",
  tenant: "Tenant",
  channel: "Channel",
  agent: "Agent",
  find: "Find",
  findHint: "Member, number or id",
  all: "all",
  allOf: (n) => `all ${count(n)}`,
  none: "none",
  noTenant: "no tenant",
  channelNotKnown: "not known",
  shortcode: "Shortcode",
  unreadAtLeast: "Unread messages, at least",
  waitsAtLeast: "Waits at least",
  idleAtLeast: "Idle at least",
  onlySuspect: "Only suspect ones",
  durationHint: "as 90s, 5m, 2h",
  apply: "Apply",

  // Head numbers
  headNumbers: "Head numbers, each leads to its list",
  oldestWait: "Oldest wait",
  waiting: "Waiting",
  unassigned: "Unassigned",
  open: "Open",
  unreadMessages: "Unread messages",
  unreadShort: "Unread",
  suspect: "Suspect",
  upstream: "Upstream",
  nobodyWaits: "nobody waits",
  noData: "no data yet",
  noChange: "no change",
  trend: (n) => `${count(n)} in 15 min`,
  trendSpoken: (change) => {
    if (change === 0) return "the same as 15 min ago";
    return `${count(Math.abs(change))} ${change > 0 ? "more" : "fewer"} than 15 min ago`;
  },
  trendWall: (change) => {
    if (change === 0) return "no change in 15 min";
    return `${count(Math.abs(change))} ${change > 0 ? "more" : "fewer"} in 15 min`;
  },
  minutesAgo: "15 min ago",
  nobodyWaitedBefore: "nobody 15 min ago",
  with: "with",
  nobody: "nobody",
  nameNotKnown: "name not known",

  // Upstreams
  upstreamState: {
    ok: "ok",
    quiet: "quiet for",
    refused: "refused",
    catching_up: "catching up",
    connecting: "connecting",
    not_set_up: "not set up",
  },
  behind: (lag) => `${lag} behind`,
  nextTry: "next try in",
  usuallyEvery: (gap) => `It usually sends every ${gap}.`,
  eventsLost: (from, until) => `Events from ${from} until ${until} are lost.`,
  others: (n) => `${count(n)} more`,
  http: "HTTP",
  listening: "listening",

  // Levels
  critical: "critical",
  warning: "warning",
  notWaiting: "not waiting",

  // Who waits
  whoWaits: "Who waits, longest first",
  toWhoWaits: "To who waits",
  waitsFor: "Waits for",
  member: "Member",
  unread: "Unread",
  unreadAfter: " unread",
  lastWords: "Last words",
  conversation: "Conversation",
  openFor: "Open for",
  bandCritical: (n, crit) => `${count(n)} waiting ${spoken(crit)} and longer`,
  bandWarning: (n, warn, crit) => `${count(n)} waiting ${thresholds(warn, crit)}`,
  bandUnder: (n, warn) => `${count(n)} waiting under ${spoken(warn)}`,
  answered: "answered",
  gone: "gone",
  noTexts: "SuperOffice sends no texts",
  noText: "no text",
  textsHidden: "texts are not for this token",
  allShown: (n) => `all ${count(n)} shown`,
  firstShown: (shown, n) => `first ${count(shown)} of ${count(n)} shown`,
  showAll: "show all",
  orderHeld: "order held while you read",
  changesToCome: (n) => `${plural(n, "change")} to come`,
  letThemIn: "let them in",
  nobodyWaitsNow: "Nobody waits.",
  lastAnswered: (ago, after) => `The last one was answered ${ago} ago, after ${after}.`,
  nothingMatches: (all) => `0 of ${plural(all, "open conversation")} match`,

  // Unassigned
  openWithNobody: (n) => `${count(n)} open, with nobody`,
  allAssigned: "Every open conversation has an agent.",

  // By agent
  byAgent: "By agent",
  load: "Load",
  lastReply: "Last reply",
  loadHint: "a tall block waits; a low one does not",
  loadSpoken: (open, waiting) => `${count(open)} open, ${count(waiting)} of them waiting`,
  longSilent: "long silent",
  noAgents: "No agent has an open conversation.",
  firstAgents: (shown, n) => `first ${count(shown)} of ${plural(n, "agent")} shown`,

  // The list behind a number
  list: "Conversations",
  listOf: (n, conditions) => [plural(n, "open conversation"), conditions].filter(Boolean).join(", "),
  pageShown: (from, to, n) => `${count(from)} to ${count(to)} of ${count(n)} shown`,
  nextPage: "next",
  firstPage: "first",

  // A panel that failed
  panelNotRead: (panel) => `${panel} could not be read.`,
  serverSaid: (detail) => `The server said: ${detail}.`,
  othersLive: "The other panels are live.",
  tryAgain: "Try again",
  panelNotShown: (panel) => `${panel} could not be shown.`,

  // Conditions, in sentences
  conditions: {
    tenant: (value) => `tenant ${value}`,
    no_tenant: () => "no tenant",
    channel: (value) => `channel ${value}`,
    no_channel: () => "channel not known",
    agent: (value) => `agent ${value}`,
    agent_id: (value) => `agent ${value}`,
    agent_name: (value) => `agent ${value}`,
    unassigned: () => "with nobody",
    member: (value) => `member ${value}`,
    number: (value) => `number ${value}`,
    shortcode: (value) => `shortcode ${value}`,
    unread_min: (value) => `unread ${value} or more`,
    waiting: () => "waiting",
    waiting_min: (value) => (value === "0" ? "waiting" : `waiting ${value} or longer`),
    idle_min: (value) => `idle ${value} or longer`,
    suspect: () => "suspect",
  },

  // Today
  today: "Today",
  openLine: "open",
  waitingLine: "waiting",
  dayAsTable: "The day as a table",
  answeredWithin: "Answered within: thick half, thin 90%",
  noAnswersYet: "No wait of today ended with an answer yet.",
  minutes: (n) => `${count(n)} min`,
  hours: (n) => `${count(n)} h`,

  // Announcements
  waitsTooLong: (member, ms, agent) => `${member} waits ${spoken(ms)}, with ${agent}`,
  severalWaitTooLong: (n, ms) => `${plural(n, "conversation")} now wait ${spoken(ms)} and longer`,
  somebody: "Somebody",

  // Title of the tab
  title: (waiting, oldest) => (waiting > 0 ? `(${count(waiting)} waiting, ${oldest}) convofold` : "convofold"),
  staleTitle: "(stale) convofold",
};

function thresholds(warn, crit) {
  const [low, unit] = spoken(warn).split(" ");
  const [high, highUnit] = spoken(crit).split(" ");
  // "2 to 5 minutes", but "90 seconds to 5 minutes"
  return unit.replace(/s$/, "") === highUnit.replace(/s$/, "")
    ? `${low} to ${high} ${highUnit}`
    : `${low} ${unit} to ${high} ${highUnit}`;
}
