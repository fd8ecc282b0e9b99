// One stream from the server for one tab: what it sends, and whether it still does.
import * as clock from "./clock.js";

const SECOND = 1000;
/** No word for this long: what is shown may be outdated. */
const STALE_MS = 15 * SECOND;
/** No event for this long, while the server answers: a quiet time. */
const QUIET_MS = 60 * SECOND;
/** A new connection has this long for its first word. */
const PATIENCE_MS = 10 * SECOND;
const FIRST_RETRY_MS = 1 * SECOND;
const LAST_RETRY_MS = 10 * SECOND;

/**
 * @typedef {"connecting" | "live" | "quiet" | "stale" | "signed_out" | "refused"} Liveness
 */

/**
 * What the ages of the last word and the last event say about a stream.
 * @param {number} silence milliseconds since the last word
 * @param {number} calm milliseconds since the last event
 * @returns {Liveness}
 */
export function liveness(silence, calm) {
  if (silence >= STALE_MS) return "stale";
  return calm >= QUIET_MS ? "quiet" : "live";
}

/**
 * The pause before attempt `n` (from 0): it doubles, and it varies so that many tabs do not come back together.
 * @param {number} n
 * @param {number} random from 0 to 1
 */
export function retryPause(n, random) {
  const longest = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** n);
  return longest * (0.5 + random / 2);
}

/** A stream of server-sent events that connects again by itself, for as long as the page wants it. */
export class Feed {
  /**
   * @param {object} options
   * @param {() => string} options.url asked for every connection, so a stream can continue where it stopped
   * @param {string[]} options.events names of the events, besides `clock` and `signed_out`
   * @param {(name: string, data: any, id: string) => void} options.onEvent
   * @param {(feed: Feed) => void} options.onChange the liveness, or what else a badge shows, changed
   */
  constructor({ url, events, onEvent, onChange }) {
    this.url = url;
    this.events = events;
    this.onEvent = onEvent;
    this.onChange = onChange;
    /** @type {Liveness} */
    this.liveness = "connecting";
    /** The problem with which the server refused, if it did. */
    this.problem = null;
    this.seq = null;
    this.databaseId = null;
    /** Server times, for texts. */
    this.lastWordAt = null;
    this.lastEventAt = null;
    /** When the server's database was found replaced by another one. */
    this.replacedAt = null;
    this.wordAt = performance.now();
    this.attempts = 0;
  }

  open() {
    this.endTick = clock.onTick(() => this.tick());
    document.addEventListener("visibilitychange", this.wake);
    addEventListener("online", this.wake);
    this.connect();
  }

  close() {
    this.endTick?.();
    document.removeEventListener("visibilitychange", this.wake);
    removeEventListener("online", this.wake);
    this.disconnect();
  }

  /** A screen that slept, or a network that is back: somebody looks, so there is no reason to wait for the next attempt. */
  wake = () => {
    const isVisible = document.visibilityState === "visible";
    if (isVisible && !this.isOver() && this.silence() >= PATIENCE_MS) this.connect();
  };

  /** Whether the server does not want this stream. */
  isOver() {
    return this.liveness === "signed_out" || this.liveness === "refused";
  }

  /** Milliseconds since the last word. */
  silence() {
    return performance.now() - this.wordAt;
  }

  /** Milliseconds until the next attempt to connect; `null` while there is a connection. */
  untilRetry() {
    return this.retryAt == null ? null : Math.max(0, this.retryAt - performance.now());
  }

  /** Connects again at once, possibly to another address. */
  connect() {
    this.disconnect();
    this.connectedAt = performance.now();
    this.heard = false;
    if (this.isOver()) this.liveness = "connecting";
    this.problem = null;
    const source = new EventSource(this.url());
    this.source = source;
    for (const name of [...this.events, "clock"]) {
      source.addEventListener(name, (event) => this.word(name, event));
    }
    source.addEventListener("signed_out", () => this.end("signed_out", null));
    source.addEventListener("error", () => this.failed());
  }

  disconnect() {
    this.source?.close();
    this.source = null;
    clearTimeout(this.timer);
    this.retryAt = null;
  }

  word(name, event) {
    const data = JSON.parse(event.data);
    this.heard = true;
    this.attempts = 0;
    this.wordAt = performance.now();
    // A board or a day says when it was made, which may be a while ago: many screens share it.
    if (typeof data.now === "number" && (name === "clock" || !clock.isRunning())) {
      clock.synchronize(data.now);
    }
    this.lastWordAt = clock.serverNow();
    this.noteSeq(data);
    this.setLiveness();
    if (name !== "clock") this.onEvent(name, data, event.lastEventId);
    this.onChange(this);
  }

  noteSeq({ seq, database_id: databaseId }) {
    if (databaseId !== undefined && databaseId !== this.databaseId) {
      if (this.databaseId !== null) this.replacedAt = clock.serverNow();
      this.databaseId = databaseId;
      this.seq = null;
    }
    // A day may reflect fewer events than the board before it.
    if (typeof seq === "number" && (this.seq === null || seq > this.seq)) {
      this.seq = seq;
      this.lastEventAt = clock.serverNow();
    }
  }

  /** The connection ended, or none was made. The browser does not say why, so a plain request asks. */
  async failed() {
    this.disconnect();
    this.scheduleRetry();
    const retryAt = this.retryAt;
    const problem = await refusal(this.url());
    if (problem === null || this.retryAt !== retryAt) return;
    this.end(problem.status === 401 ? "signed_out" : "refused", problem);
  }

  scheduleRetry() {
    const pause = retryPause(this.attempts++, Math.random());
    this.retryAt = performance.now() + pause;
    this.timer = setTimeout(() => this.connect(), pause);
    this.onChange(this);
  }

  /** The server does not want this stream: trying again would change nothing. */
  end(liveness, problem) {
    this.disconnect();
    this.liveness = liveness;
    this.problem = problem;
    clock.stop();
    this.onChange(this);
  }

  tick() {
    if (this.isOver()) return;
    this.setLiveness();
    const waited = performance.now() - Math.max(this.connectedAt, this.heard ? this.wordAt : 0);
    // A connection that says nothing is as good as none.
    if (this.source && this.silence() >= STALE_MS && waited >= PATIENCE_MS) {
      this.disconnect();
      this.scheduleRetry();
    }
  }

  setLiveness() {
    const calm = this.lastEventAt === null ? 0 : clock.serverNow() - this.lastEventAt;
    const found = liveness(this.silence(), calm);
    const next = found !== "stale" && this.lastWordAt === null ? "connecting" : found;
    if (next === "stale") clock.stop();
    if (next !== this.liveness) {
      this.liveness = next;
      this.onChange(this);
    }
  }
}

/**
 * The problem with which the server refuses a request for good, or `null` if it may answer next time.
 * @param {string} url
 */
async function refusal(url) {
  const request = new AbortController();
  try {
    const response = await fetch(url, { headers: { accept: "application/json" }, signal: request.signal });
    const isFinal = response.status >= 400 && response.status < 500 && response.status !== 429;
    return isFinal ? { status: response.status, ...(await problemOf(response)) } : null;
  } catch {
    return null;
  } finally {
    request.abort();
  }
}

/** What a server says about a failed request. */
async function problemOf(response) {
  try {
    const { title, detail, earliest } = await response.json();
    return { detail: detail ?? title, earliest };
  } catch {
    return { detail: `${response.status} ${response.statusText}` };
  }
}

/**
 * The JSON of a question.
 * @param {string} url
 * @param {AbortSignal} [signal]
 * @throws {Error} with the server's own words, its `status` (0 if it was not reached), and the `earliest` time that has an answer
 */
export async function ask(url, signal) {
  let response;
  try {
    response = await fetch(url, { headers: { accept: "application/json" }, signal });
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw Object.assign(new Error("the server was not reached"), { status: 0, cause });
  }
  if (response.ok) return response.json();
  const { detail, earliest } = await problemOf(response);
  throw Object.assign(new Error(detail), { status: response.status, earliest });
}
