// Every label and sentence of the page.
import { count, exact, plural, span, spoken } from "./format.js";

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
  exactTimes: "Exact times",
  singleKeys: "Single keys",
  shortcuts: "Keys",
  wall: "Wall",
  server: "Server",
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

/** The words of the pages of one conversation, of its events, of the server, and for signing in, over those above. */
export const talk = {
  ...text,

  // Head and navigation
  title: (member, wait) => `${member}${wait === null ? "" : `, waits ${wait}`} - convofold`,
  titleWithout: "Conversation - convofold",
  board: "Board",
  toTranscript: "To the transcript",
  place: (number, of, name) => `${count(number)} of ${count(of)} ${{ waits: "who wait", nobody: "with nobody" }[name] ?? "in the list"}`,
  previous: "previous",
  next: "next",
  copyId: "Copy id",
  copied: "Copied",
  copyFailed: "Select it to copy",
  everyEvent: "Every event",
  agentNotKnown: "agent not known",
  noConversation: "There is no such conversation.",
  notYetThere: "This conversation did not exist at this moment.",
  noConversationWhy: "Perhaps its first event has not come yet, or this token is for other tenants.",
  notRead: "The conversation could not be read.",
  shownBefore: "What is shown was read before.",

  // Who had it when
  whoHadIt: "Who had it when",
  stripKey: "thin lines: messages in (up) and out (down); thick line: the member waits; dotted: a long silence, shortened",
  earlierSpans: (n) => `${plural(n, "earlier stretch", "earlier stretches")} not shown`,
  between: (from, until) => (until === null ? `since ${from}` : `${from}, to ${until}`),
  closed: "closed",
  soFar: ", now",
  waited: (amount) => `; the member waits ${amount} of it`,
  counts: ({ in: received, out, other }) => {
    const parts = [received > 0 && `${count(received)} in`, out > 0 && `${count(out)} out`, other > 0 && `${count(other)} of unknown direction`].filter(Boolean);
    return parts.length > 0 ? `; ${parts.join(", ")}` : "";
  },

  // State
  state: "State",
  asOfSeq: (seq) => `as of seq ${count(seq)}`,
  status: "status",
  statusOf: (status) => status,
  reopened: (n) => (n === 0 ? "" : n === 1 ? ", reopened once" : n === 2 ? ", reopened twice" : `, reopened ${count(n)} times`),
  agent: "agent",
  waiting: "waiting",
  waits: "waits",
  nobodyWaits: "no",
  unread: "unread",
  firstResponse: "first response",
  member: "member",
  memberId: "member id",
  number: "number",
  channel: "channel",
  channelBy: (channel, shortcode) => (channel === null && shortcode === null ? null : [channel ?? "not known", shortcode && `by shortcode ${shortcode}`].filter(Boolean).join(", ")),
  tenant: "tenant",
  started: "started",
  openFor: "open for",
  openParts: (span, parts, isOpen) => `${span}${parts > 1 ? ` in ${count(parts)} parts` : ""}${isOpen ? ", to the last event" : ""}`,
  messages: "messages",
  afterClose: "after the close",
  messagesAfterClose: (n) => plural(n, "message"),
  byAgent: "by agent",
  inOut: (received, out) => `${count(received)} in, ${count(out)} out`,
  session: "session",
  sessionOf: ({ status, stale, rating }) => [status === null ? "status not known" : `status ${status}`, stale && "changed since, without a status", rating > 0 && `rating ${rating}`].filter(Boolean).join(", "),
  source: "source",
  arrived: "arrived",
  arrivedEvents: ({ events, conflicts, first_seq, last_seq }) =>
    `${plural(events + conflicts, "event")}, seq ${count(first_seq)}${last_seq === first_seq ? "" : ` to ${count(last_seq)}`}`,
  duplicates: (n) => plural(n, "duplicate"),
  duplicatesTitle: "Events that were delivered again. They are counted; which ones they were is not kept.",
  late: (n) => `${count(n)} late`,
  conflicts: (n) => plural(n, "conflict"),

  // Why a field is what it is
  askWhy: "why?",
  whyOf: (name) => `Why: ${name}`,
  fieldIs: (field, value) => `${field} is ${value}.`,
  byRule: (sentence, rule) => `${sentence} (rule ${rule}).`,
  decides: "decides",
  outdone: "outdone",
  noSay: "no say",
  learnedThen: (ms) => `Learned ${talk.learnedAfter(ms)}.`,
  moreWitnesses: (n) => `and ${plural(n, "more event")}`,
  without: (seqs, field) => `Without ${seqs} ${field} would be:`,
  withoutSeqs: (seqs) => (seqs.length > 3 ? plural(seqs.length, "event") : seqs.map((seq) => `seq ${count(seq)}`).join(", ")),
  noWitness: "No event says anything about it.",
  noWhy: (detail) => `This could not be explained. The server said: ${detail}.`,
  unknownValue: "not known",

  // Suspicions
  suspicion: "suspicion",
  suspicions: "Suspicions",
  neverRepaired: (n) => `${count(n)}; reported, never repaired`,
  at: "at",
  showThePlace: "Show the place",
  suspects: ({ field, expected, found }, source, zone) => {
    if (field === "unread") {
      const missing = expected - found;
      return `${plural(missing, "message")} or more ${missing === 1 ? "is" : "are"} missing before here. ${source} said ${count(expected)} unread; we hold ${count(found)}.`;
    }
    if (expected === null) return "This close has no usable time. It is placed after every other event.";
    return `One of two clocks is wrong: this happened at ${exact(expected, zone)} by the one, and at ${exact(found, zone)} by the other.`;
  },

  // Transcript
  transcript: "Transcript",
  messagesShown: (n, isPart, zone) => [plural(n, "message"), isPart && "not all shown", zone && `times are ${zone}, point at one for milliseconds, or press x`].filter(Boolean).join("; "),
  toTheLast: "to the last one",
  superofficeSendsNoTexts: "SuperOffice sends no texts. What it says is who wrote, and when.",
  mayNotReadTexts: "This token may not read texts. Everything else is shown.",
  nothingSaid: "Nothing happened yet.",
  earlier: (n, all) => (n === all ? `Show ${count(n)} earlier lines` : `Show ${count(n)} of ${count(all)} earlier lines`),
  later: (n, all) => (n === all ? `Show ${count(n)} later lines` : `Show ${count(n)} of ${count(all)} later lines`),
  fromTheMember: "from the member",
  fromTheAgent: "from the agent",
  directionNotKnown: "direction not known",
  step: ({ what, changes, from, agent, isFirst }, name) => {
    const says = { opened: "opened", began: "begins with a message", opened_closed: "opened and closed at once", reopened: "reopened", closed: "closed" }[what];
    const opens = what === "opened" || what === "began" || what === "reopened";
    const assigned = agent && (changes || opens) ? `${opens && !changes ? "still with" : "assigned to"} ${name(agent)}` : null;
    const left = changes && !agent && from ? `unassigned from ${name(from)}` : null;
    const nobody = opens && !agent && !left ? "nobody is assigned" : null;
    const handed = changes && agent && from ? `handed from ${name(from)} to ${name(agent)}` : null;
    return [says, handed ?? assigned, left, nobody].filter(Boolean).join("; ");
  },
  answeredAfter: (span) => `answered after ${span}`,
  cameLate: (by) => (by === null ? "came out of order" : `came ${by} late`),
  lateTitle: (by, seq, learned) =>
    [`Event ${seq}`, learned && `learned at ${learned}`, by ? `An event that is ${by} newer was known before it` : "An event that belongs after it was known before it"].filter(Boolean).join(". "),
  versions: (n) => `${count(n)} versions, this one counts`,
  field: "Field",
  thisOneCounts: "This one counts",
  doesNotCount: "Does not count",
  afterTheClose: "after the close",
  unreadMark: "unread",

  // Every event
  historyTitle: (member) => `Every event of ${member} - convofold`,
  backToConversation: "The conversation",
  events: (n) => plural(n, "event"),
  inTimeOrder: "in the order in which they happened",
  inArrivalOrder: "in the order of their arrival",
  showTimeOrder: "by time",
  showArrivalOrder: "by arrival",
  seqColumn: "Seq",
  happened: "Happened",
  learned: "Learned",
  learnedNarrow: "learned",
  learnedAfter: (ms) => {
    const amount = Math.abs(ms) < 10_000 ? `${(Math.abs(ms) / 1000).toFixed(1)} s` : span(Math.abs(ms));
    return `${amount} ${ms < 0 ? "before" : "later"}`;
  },
  saysColumn: "Says",
  marks: "Marks",
  kind: ({ kind, direction, channel }) => {
    const says = {
      open: "opened",
      open_closed: "opened and closed at once",
      update: "update",
      update_open: "update: is open",
      close: "closed",
      message: { in: "message from the member", out: "message from the agent" }[direction] ?? "message of unknown direction",
    }[kind];
    return [says ?? kind, channel?.replaceAll("_", " ")].filter(Boolean).join(", ");
  },
  eventFacts: ({ unread, session }) => [unread !== undefined && `${count(unread)} unread stated`, session?.status != null && `session status ${session.status}`].filter(Boolean),
  saysAgent: "agent",
  saysNobody: "agent: nobody",
  asAccepted: "as it was accepted",
  anotherCounts: (seq) => `seq ${seq} counts`,
  compare: "compare the versions",

  // Signing in
  signInTitle: "Sign in - convofold",
  signInHere: "Sign in",
  signOut: "Sign out",
  signInOrOut: "Sign in as somebody else, or out",
  signedInAs: (name, role) => `You are signed in with the token ${name} (${role}).`,
  noTokenNeeded: "This server asks for no token.",
  toThePage: "Continue",
  token: "Token",
  tokenMissing: "Enter a token.",
  tokenNotKnown: "This token is not known. It was removed, or it is not complete.",
  signInRefused: (status) => `The server refused (${status}).`,
  notReached: "The server was not reached. Try again.",
  tokenHelp: "The operator of the server makes tokens:",

  // The server
  statusTitle: "Server - convofold",
  notForThisToken: "This concerns more than this token may see.",
  notReadNow: (detail) => `Could not be read now. The server said: ${detail}.`,
  noUpstream: "Nothing was set up, and nothing has arrived since the server was started.",
  name: "Name",
  kindColumn: "Kind",
  stateColumn: "State",
  usualGapNarrow: "usual gap",
  usualGap: "Usual gap",
  remarks: "Remarks",
  upstreamKind: { stream: "fetched", webhook: "sent to us" },
  alerts: "Alerts",
  noAlerts: "No alert is active.",
  alertsActive: (total, pending, shown) =>
    `${plural(total, "alert")} active or not delivered${shown < total ? `, the first ${count(shown)} shown` : ""}; ${plural(pending, "message")} to deliver.`,
  alertsFull: (max) => `That is the most (${count(max)}): no more begin.`,
  since: "Since",
  alert: "Alert",
  about: "About",
  delivered: "Delivered",
  alertWhen: (when) => when.replaceAll("-", " "),
  alertOver: (reason) => `; over: ${(reason ?? "").replaceAll("-", " ")}`,
  allDelivered: "delivered",
  notDelivered: ({ pending, attempts, why }, nextTry) =>
    [`${plural(pending, "message")} to deliver`, attempts > 0 && `${plural(attempts, "attempt")} failed: ${why}`, nextTry && `next try at ${nextTry}`].filter(Boolean).join("; "),
  rejects: "Rejects",
  noRejects: "Nothing that came is kept as rejected.",
  kept: (total, shown) => `${plural(total, "reject")} kept${shown < total ? `, the ${count(shown)} oldest shown` : ""}.`,
  received: "Received",
  from: "From",
  why: "Why",
  whatWasRejected: "What was rejected",
  rejected: ({ reason, path, expected, found }) => `${reason} at ${path}${expected ? `: expected ${expected}, found ${found}` : ""}`,
  noWords: "not text",
  repairHow: "Repair or drop them with /api/v1/rejects/ID.",
  version: "version",
  runsFor: "runs for",
  listensOn: "listens on",
  zone: "zone",
  thresholds: "thresholds",
  thresholdsOf: (warn, crit, silent) => `warning ${warn}, critical ${crit}, silent agent ${silent}`,
  database: "database",
  conversations: "conversations",
  openOnes: "open",
  waitingOnes: "waiting",
  unassignedOnes: "unassigned",
  afterCloseOnes: "unanswered after close",
  readers: "readers of feeds",
  sizes: "Sizes",
  onDisk: "on disk",
  log: "log",
  logOf: (size, { first_seq, last_seq, blocks }) => `${size} in ${plural(blocks, "block")}, seq ${count(first_seq)} to ${count(last_seq)}`,
  inMemory: "in memory",
  inMemoryOf: (n, size) => `${plural(n, "conversation")}, ${size}`,
  checkpoint: "checkpoint",
  seqIs: (seq) => `seq ${count(seq)}`,
  opened: "opened",
  openedIn: ({ took_ms, events_replayed }) => `in ${count(took_ms)} ms, ${plural(events_replayed, "event")} replayed`,
  damage: "damage",
  skipped: (n) => `${plural(n, "part")} of the log could not be read`,
  seq: "seq",
  you: "You",
  tokenName: "token",
  role: "role",
  tenants: "tenants",
  texts: "texts",
  mayRead: "may be read",
  mayNotRead: "may not be read",
  noneNeeded: "none is needed",

  // The day as a table
  dayTitle: "The day as a table - convofold",
  byHour: "By hour",
  everyStep: (step) => `Every ${step}`,
  showByHour: "by hour",
  showEveryStep: (step) => `every ${step}`,
  filtered: (conditions) => `Only ${conditions}.`,
  conditionsOf: (conditions) => Object.entries(conditions).map(([name, value]) => text.conditions[name](value)).join(", "),
  time: "Time",
  hour: "Hour from",
  openThen: "Open",
  mostOpen: "Most open",
  waitingThen: "Waiting",
  mostWaiting: "Most waiting",
  answers: "Answers",
  half: "Half within",
  nineOfTen: "90% within",
  longest: "Longest",

  // Keys
  keys: "Keys",
  close: "Close",
  keysOn: "Single keys act",
  keyList: [
    [["j", "k"], "next, previous row; in a conversation, of the list it was opened from"],
    [["Enter"], "open"],
    [["u"], "back to the board"],
    [["/"], "find"],
    [["f"], "filters"],
    [["g w", "g u", "g a"], "to who waits, unassigned, agents"],
    [["t"], "look back"],
    [["[", "]"], "one minute back, on"],
    [["{", "}"], "five minutes back, on"],
    [["r"], "let changes in"],
    [["w"], "why? of the focused field"],
    [["x"], "exact times in place of ages"],
    [["m"], "sound"],
    [["Esc"], "close, back to live"],
    [["?"], "this list"],
  ],
};
