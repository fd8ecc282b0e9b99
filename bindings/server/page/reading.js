// Reads one conversation, and reads it again whenever something happens in it.
import { hold, release } from "./clock.js";
import { Feed, ask } from "./feed.js";
import { momentParams } from "./moment.js";
import { questionAbout } from "./names.js";
import { timeline } from "./timeline.js";

/** Changes that come together are read together, after this pause. */
const PAUSE_MS = 150;
/** Between two readings is this many times as long as the first one took, so that a long conversation is read less often. */
const REST = 4;

export class Reading {
  /**
   * @param {string} id
   * @param {{texts: boolean}} session
   * @param {import("./moment.js").Moment | null} moment `null` for now
   * @param {() => void} onChange called after something that is shown changed
   */
  constructor(id, session, moment, onChange) {
    this.id = id;
    this.session = session;
    this.moment = moment;
    this.onChange = onChange;
    /** The state and how its events arrived; `null` until it was read. */
    this.answer = null;
    this.history = null;
    /** The conflicts; `null` if there are none, or this token may not read texts. */
    this.conflicts = null;
    this.timeline = null;
    /** The earliest time for the next reading. */
    this.nextAt = 0;
    /** Why it could not be read the last time. */
    this.problem = null;
    this.feed = new Feed({
      url: () => `/api/v1/changes?conversation=${encodeURIComponent(id)}${this.answer ? `&since=${this.answer.seq}` : ""}`,
      events: ["change", "resync"],
      onEvent: () => this.readSoon(),
      onChange: () => this.heard(),
    });
  }

  open() {
    this.feed.open();
    this.read();
  }

  close() {
    this.isClosed = true;
    release();
    this.request?.abort();
    clearTimeout(this.timer);
    this.feed.close();
  }

  heard() {
    const { liveness } = this.feed;
    if (liveness === this.liveness) return;
    // A server that is there again may have another database.
    if (this.liveness === "stale") this.readSoon();
    this.liveness = liveness;
    this.onChange();
  }

  readSoon() {
    this.timer ??= setTimeout(() => this.read(), Math.max(PAUSE_MS, this.nextAt - performance.now()));
  }

  async read() {
    clearTimeout(this.timer);
    this.timer = null;
    if (this.request) {
      this.again = true;
      return;
    }
    const began = performance.now();
    this.request = new AbortController();
    try {
      await this.readAll(this.request.signal);
      this.problem = null;
    } catch (problem) {
      this.problem = problem;
    }
    this.request = null;
    if (this.isClosed) return;
    const ended = performance.now();
    this.nextAt = ended + REST * (ended - began);
    if (this.again) {
      this.again = false;
      this.readSoon();
    }
    this.onChange();
  }

  async readAll(signal) {
    const of = (what) => ask(questionAbout(this.id, what) + momentParams(this.moment), signal);
    const [answer, { history }] = await Promise.all([of(""), of("/history")]);
    const hasConflicts = history.some(({ counts }) => !counts);
    this.conflicts = hasConflicts && this.session.texts ? (await of("/conflicts")).conflicts : null;
    if (answer.moment?.time != null) hold(answer.moment.time);
    Object.assign(this, { answer, history, timeline: timeline(history, answer.conversation) });
    if (answer.arrivals === null) return;
    const { events, conflicts } = answer.arrivals;
    // An event came between the two answers.
    if (events + conflicts !== history.length) this.again = true;
  }
}
