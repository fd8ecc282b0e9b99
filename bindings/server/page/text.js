// Every label and sentence of the board.
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
  incomplete: "Incomplete",
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
  exactTimes: "Exact times",
  singleKeys: "Single keys",
  shortcuts: "Keys",
  wall: "Wall",
  server: "Server",
  report: "Report",
  on: "on",
  off: "off",
  thisScreen: "This screen",
  moreFilters: "More filters",
  clearFilters: "Clear the filters",
  tenant: "Tenant",
  channel: "Channel",
  agent: "Agent",
  find: "Find",
  findHint: "Member, number or id",
  all: "all",
  allOf: (n) => `all ${count(n)}`,
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
  up: "up",
  down: "down",
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
  nobodyWaited: "nobody",
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
  nextTry: (time) => `next try ${time}`,
  neverHeard: "never heard of",
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
  toList: "To the list",
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
  /** The age stands between both and ticks. */
  lastAnswered: { before: "The last one was answered", after: (span) => `ago, after ${span}.` },
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
  list: "The list",
  openConversations: "Open conversations",
  longestWaitFirst: "longest wait first",
  latestFirst: "latest activity first",
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
  weekAgoLine: "open a week ago",
  dayAsTable: "The day as a table",
  reports: "Reports",
  linesSummary: (from, step, now, most) => {
    const sofar = most
      ? ` Most today: ${count(most.open.value)} open at ${most.open.time}, ${count(most.waiting.value)} waiting at ${most.waiting.time}.`
      : "";
    return `Open and waiting since ${from}, every ${step}. Now ${count(now.open)} open, ${count(now.waiting)} waiting.${sofar}`;
  },
  answersSummary: (hour, half, most, longest, n) =>
    `From ${hour}: half within ${half}, 9 of 10 within ${most}, the longest ${longest}, ${plural(n, "answer")}.`,
  answeredWithin: "Answered within: thick half, thin 90%",
  noAnswersYet: "No wait of today ended with an answer yet.",
  short: (ms) => (ms % 60_000 === 0 ? `${count(ms / 60_000)} min` : `${count(ms / 1000)} s`),
  minutes: (n) => `${count(n)} min`,
  hours: (n) => `${count(n)} h`,

  // The past
  asOf: "AS OF",
  lookBack: "Look back",
  backToLive: "Back to live",
  corrected: "as it was, corrected by what we learned since",
  asKnown: (seq) => `as this screen showed it then${seq === null ? "" : `, after seq ${count(seq)}`}`,
  correctedUpTo: (seq) => `as it was, corrected by what we learned up to ${seq === null ? "then" : `seq ${count(seq)}`}`,
  replayed: "These events came with a replay: this is the time of the replay.",
  learnedLater: (n, truth) =>
    truth === "as_of" ? `${plural(n, "event")} learned later changed this` : `${plural(n, "event")} of that time ${n === 1 ? "was" : "were"} learned later`,
  show: "show",
  momentToShow: "Moment to show",
  timeToShow: "Time to show",
  whichTruth: "Which truth",
  now: "now",
  earlierBy: (n) => `${plural(n, "minute")} earlier`,
  laterBy: (n) => `${plural(n, "minute")} later`,
  lateKey: "moments that late events changed",
  momentSaid: (time, { open, waiting }) => `As of ${time}: ${count(open)} open, ${count(waiting)} waiting`,
  momentTitle: (time) => `(as of ${time}) convofold`,
  nowSaid: "Live again",
  notRecorded: (time, first) =>
    `What this screen showed at ${time} is not recorded. Marks begin on ${first}; before that ask by sequence number, as seq:1.`,
  nothingYet: (time, first) => `Nothing had happened by ${time}. The first event was on ${first}.`,
  noMoment: (detail) => `There is no answer about this moment: ${detail}.`,
  notKept: "not kept for the past",

  // The first start
  noEventsYet: "No events yet",
  serverRuns: (address) =>
    `The server runs and listens on ${address}. This page fills by itself with the first event; there is no need to reload it.`,
  done: "done",
  toDo: "to do",
  databaseOpen: "The database is open",
  databaseEmpty: "It is empty.",
  sendFirst: "Send a first event",
  inTerminal: "In a terminal:",
  copy: "Copy",
  firstThenWaits: "A conversation with these last words then waits, with nobody. Sent twice, it counts once.",
  addToken: "This server asks for a token: add",
  readLogs: "Or read the logs you have",
  replayCommand: "convofold replay logs/ --db DIRECTORY",
  stopFirst: "Stop the server first: one process at a time owns a database.",
  connectSources: "Connect what sends all day",
  superofficeHook: "SuperOffice: point its webhook at",
  airshipStream: "Airship: name the stream in",
  showsUnderUpstream: "Either shows up under Upstream as soon as it has been heard.",
  waitingForFirst: "Waiting for the first event",
  since: "since",
  receivedSoFar: (received, rejected) => `${count(received)} received, ${count(rejected)} rejected.`,
  whyRejected: "Why?",

  // The wall
  wallTitle: "Who waits - convofold",
  whoWaitsWall: "Who waits",
  longestWaits: "The longest waits",
  wallFootnote: (shown, n) => `${count(shown)} of ${count(n)} shown, longest first; names of members and texts stay off this screen`,
  openToday: "open today",
  quietUpstream: (name) => `${name} quiet for`,
  refusedUpstream: (name) => `${name} refused`,

  // Announcements
  waitsTooLong: (member, time, agent) => `${member} waits ${time}, with ${agent}`,
  severalWaitTooLong: (n, time) => `${plural(n, "conversation")} now wait ${time} and longer`,
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
