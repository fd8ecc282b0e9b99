// What the events of a conversation mean, in the order in which they happened. Pure: no DOM, no clock, no words.

/** Gaps longer than this many median gaps are shortened in the strip. */
const LONG_GAP = 8;
const MIN_LONG_GAP_MS = 120_000;
/** The session states of SuperOffice (rule F11): open, and those that begin and end a wait. */
const IS_OPEN = (status) => status >= 1 && status <= 6;
const IS_CLOSED = (status) => status >= 7 && status <= 11;
const CUSTOMER_WAITS = (status) => status === 4 || status === 5;
const AGENT_ANSWERED = 6;

/** What tells two agents apart: the id, or the name where there is no id. */
export const agentKey = (agent) => (agent ? (agent.id ?? `name:${agent.name}`) : "");

/**
 * Reads the history of a conversation, as the API gives it.
 *
 * - `items`: what the transcript shows, in order: `{type: "message" | "step" | "suspicion", seq, at, ...}`.
 * - `spans`: who had it when: `{closed, agent, from, until, in, out, other, messages, waits}`; the last one has no `until`.
 * - `waits`: when the member waited for an answer: `{from, until, answered}`; a running one has no `until`.
 */
export function timeline(history, state) {
  const late = lateness(history);
  const versions = versionsOf(history);
  const suspicions = [...(state?.suspect ?? [])];
  const items = [];
  const spans = [];
  const waits = [];
  let closed = null; // not known yet
  let reopens = 0;
  let agent = null;
  let span = null;
  let wait = null;

  for (const entry of history) {
    if (!entry.counts) continue;
    const { event, seq, at } = entry;
    const isMessage = event.kind === "message";
    const says = saysClosed(event);
    const wasClosed = closed;
    if (says !== null) closed = says;
    else if (closed === null) closed = false; // F1: known by a message only, it is open
    const before = agent;
    agent = entry.assigned;

    for (const suspicion of takePlaced(suspicions, entry)) items.push({ type: "suspicion", seq, at, suspicion });

    const step = stepOf(wasClosed, closed, before, agent, isMessage);
    if (wasClosed === true && !closed) reopens += 1;
    if (step) items.push({ type: "step", seq, at, ...step, ...marks(entry, late, versions) });

    if (!span || span.closed !== closed || (!closed && agentKey(span.agent) !== agentKey(agent))) {
      if (span) span.until = at;
      span = { closed, agent: closed ? null : agent, from: at, until: null, in: 0, out: 0, other: 0, messages: [], waits: [] };
      spans.push(span);
    }

    // A wait begins before the message closes, and ends with every close (F9).
    const said = entry.said_at ?? at;
    const status = event.session?.status;
    let answered = null;
    if (isMessage) {
      span[event.direction ?? "other"] += 1;
      span.messages.push({ at: said, direction: event.direction ?? null });
    }
    const asks = (isMessage && event.direction === "in") || CUSTOMER_WAITS(status);
    const answers = (isMessage && event.direction === "out") || status === AGENT_ANSWERED;
    if (answers) {
      if (wait) {
        answered = Math.max(0, said - wait.from);
        Object.assign(wait, { until: Math.max(said, wait.from), answered: true });
      }
      wait = null;
    } else if (asks && !wait) {
      wait = { from: isMessage ? said : at, until: null, answered: false };
      waits.push(wait);
    }
    if (says === true) {
      if (wait) wait.until = at;
      wait = null;
    }

    if (isMessage) {
      items.push({
        type: "message", seq, at: said, direction: event.direction ?? null, text: event.text ?? null,
        agent: entry.event.agent && (entry.event.agent.id || entry.event.agent.name) ? agent : null, assigned: agent,
        channel: event.channel ?? null, answered, afterClose: wasClosed === true && closed === true, unread: false,
        ...marks(entry, late, versions),
      });
    }
  }
  if (spans.length && state && state.started_at < spans[0].from) spans[0].from = state.started_at;
  markUnread(items, state?.unread ?? 0);
  // Suspicions without an event of their time are at the end.
  for (const suspicion of suspicions) items.push({ type: "suspicion", seq: null, at: suspicion.at, suspicion });
  const kept = spans.filter((span) => span.until === null || span.until > span.from || span.messages.length > 0);
  for (const span of kept) span.waits = clip(waits, span);
  return { items, spans: kept, waits, closed: closed === true, reopens, waitingSince: closed || !wait ? null : wait.from };
}

/** Whether an event says that the conversation is closed; null if it says nothing about it (rules F2, F11). */
function saysClosed({ kind, session }) {
  const status = session?.status;
  if (kind === "close" || kind === "open_closed") return true;
  if (kind !== "update" && IS_CLOSED(status)) return true;
  if (kind === "open" || kind === "update_open" || IS_OPEN(status)) return false;
  return null;
}

function stepOf(wasClosed, closed, before, agent, isMessage) {
  const changes = agentKey(before) !== agentKey(agent);
  let what = null;
  if (wasClosed === null) what = closed ? "opened_closed" : isMessage ? "began" : "opened";
  else if (wasClosed && !closed) what = "reopened";
  else if (!wasClosed && closed) what = "closed";
  if (!what && !changes) return null;
  return { what, changes, from: changes ? before : null, agent, ofMessage: isMessage };
}

/**
 * How late events came: for each late one, by how much the newest event that was known already is newer. That is the
 * least that it can be, whatever the clocks of the machines show.
 */
export function lateness(history) {
  const late = new Map();
  let newest = -Infinity;
  for (const entry of [...history].sort((a, b) => a.seq - b.seq)) {
    if (entry.late) late.set(entry.seq, Math.max(0, newest - entry.at));
    newest = Math.max(newest, entry.at);
  }
  return late;
}

/** The sequence numbers of the events that lost to each event with the same identity. */
export function versionsOf(history) {
  const losers = history.filter((entry) => !entry.counts);
  const versions = new Map();
  if (losers.length === 0) return versions;
  const key = ({ event }) => JSON.stringify([event.source, event.identity, event.part ?? 0]);
  const kept = new Map(history.filter((entry) => entry.counts && entry.event.identity !== undefined).map((entry) => [key(entry), entry.seq]));
  for (const loser of losers) {
    const seq = kept.get(key(loser));
    if (seq !== undefined) versions.set(seq, [...(versions.get(seq) ?? []), loser.seq]);
  }
  return versions;
}

const marks = (entry, late, versions) => ({
  lateBy: late.get(entry.seq) ?? null,
  learnedAt: entry.learned_at ?? null,
  losers: versions.get(entry.seq) ?? [],
});

/** Takes the suspicions whose place is at this event out of the list. */
function takePlaced(suspicions, { at, event }) {
  const placed = [];
  for (let i = 0; i < suspicions.length; i += 1) {
    const { field, expected, at: shown } = suspicions[i];
    if (shown !== at || (field === "unread" && event.unread !== expected)) continue;
    placed.push(...suspicions.splice(i, 1));
    i -= 1;
  }
  return placed;
}

/** The unread messages are the last ones from the member. */
function markUnread(items, unread) {
  for (let i = items.length - 1; i >= 0 && unread > 0; i -= 1) {
    if (items[i].type !== "message" || items[i].direction !== "in") continue;
    items[i].unread = true;
    unread -= 1;
  }
}

/** The parts of the waits that lie in a span; none while it is closed. */
function clip(waits, span) {
  if (span.closed) return [];
  const end = span.until ?? Infinity;
  return waits
    .filter((wait) => wait.from < end && (wait.until ?? Infinity) > span.from)
    .map((wait) => {
      const until = Math.min(wait.until ?? Infinity, end);
      return { from: Math.max(wait.from, span.from), until: until === Infinity ? null : until };
    });
}

/** The gap from which on silences are shortened in the strip, from the messages of all spans. */
export function longGap(spans) {
  const gaps = [];
  for (const span of spans) {
    const times = span.messages.map((message) => message.at).sort((a, b) => a - b);
    for (let i = 1; i < times.length; i += 1) gaps.push(times[i] - times[i - 1]);
  }
  gaps.sort((a, b) => a - b);
  const median = gaps.length ? gaps[gaps.length >> 1] : 0;
  return Math.max(MIN_LONG_GAP_MS, LONG_GAP * median);
}

/**
 * The time axis of a span: linear, except that silences longer than `long` are as wide as one of that length.
 *
 * `length`: the width that it stands for, in milliseconds; `x(at)`: the place of a time, from 0 to 1; `breaks`: the
 * shortened parts, as pairs of places.
 */
export function axis(span, until, long) {
  const inside = (at) => Math.min(Math.max(at, span.from), until);
  const times = [span.from, ...span.messages.map(({ at }) => inside(at)), ...span.waits.flatMap((wait) => [wait.from, wait.until ?? until].map(inside)), until];
  const stops = [...new Set(times)].sort((a, b) => a - b);
  const places = [0];
  const cut = [];
  for (let i = 1; i < stops.length; i += 1) {
    const gap = stops[i] - stops[i - 1];
    if (gap > long) cut.push(i);
    places.push(places[i - 1] + Math.min(gap, long));
  }
  const length = places[places.length - 1];
  const share = (place) => (length > 0 ? place / length : 0);
  return {
    length,
    x(at) {
      const time = inside(at);
      let low = 0;
      let high = stops.length - 1;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (stops[middle] < time) low = middle + 1;
        else high = middle;
      }
      if (low === 0 || stops[low] === time) return share(places[low]);
      const part = (time - stops[low - 1]) / (stops[low] - stops[low - 1]);
      return share(places[low - 1] + part * (places[low] - places[low - 1]));
    },
    breaks: cut.map((i) => [share(places[i - 1]), share(places[i])]),
  };
}

/** The items, with `{type: "day", at}` before the first one of each local day. `dayOf(at)` names a day. */
export function withDays(items, dayOf) {
  const all = [];
  let day = null;
  for (const item of items) {
    const its = dayOf(item.at);
    if (its !== day) all.push({ type: "day", at: item.at, day: its });
    day = its;
    all.push(item);
  }
  return all;
}

/** The part of a long list to show, grown so that it contains the place `wanted`. */
export function windowOf(length, size, start, wanted) {
  let from = start === null ? Math.max(0, length - size) : Math.min(Math.max(0, start), Math.max(0, length - 1));
  let until = start === null ? length : Math.min(length, from + size);
  if (wanted !== null && wanted >= 0 && (wanted < from || wanted >= until)) {
    from = Math.max(0, Math.min(wanted - (size >> 1), length - size));
    until = Math.min(length, from + size);
  }
  return [from, until];
}
