// The board of a moment: reads it, and reads it again when something was learned that may belong to it.
import { ask } from "./feed.js";

/** Events that come together are read together, after this pause. */
const PAUSE_MS = 1000;
/** The server needs about this long to read a day for the first time. */
const DAY_MS = 3000;

export class Past {
  /** @param {() => void} onChange called when there is another board, or a problem */
  constructor(onChange) {
    this.onChange = onChange;
    this.reset(null);
  }

  reset(question) {
    this.request?.abort();
    clearTimeout(this.timer);
    this.timer = null;
    /** What is asked; `null` for now. */
    this.question = question;
    /** The problem with which the server refused. */
    this.problem = null;
    this.heardSeq = 0;
    this.hasAskedAgain = false;
  }

  /**
   * @param {string | null} question
   * @param {boolean} isCorrected whether later events can change the answer
   */
  follow(question, isCorrected) {
    if (question === this.question) return;
    this.reset(question);
    this.isCorrected = isCorrected;
    // Until the next board is there, the last one of the past stays.
    if (question === null) this.board = null;
    else this.read();
    this.onChange();
  }

  /** The server has events up to this one. */
  heard(seq) {
    const isNews = this.board && seq > Math.max(this.board.seq, this.heardSeq);
    if (this.question === null || !this.isCorrected || !isNews || this.timer) return;
    this.heardSeq = seq;
    this.timer = setTimeout(() => this.read(), PAUSE_MS);
  }

  async read() {
    clearTimeout(this.timer);
    this.timer = null;
    this.request?.abort();
    this.request = new AbortController();
    const { signal } = this.request;
    const { question } = this;
    try {
      const board = await ask(question, signal);
      this.board = { ...board, question };
      this.problem = null;
      this.readDaySoon();
    } catch (problem) {
      if (signal.aborted) return;
      this.problem = problem;
    }
    this.onChange();
  }

  /** The server may still have to read the day, for the numbers of before: they are asked for once more. */
  readDaySoon() {
    if (!this.isCorrected || this.hasAskedAgain || this.board.before !== null) return;
    this.hasAskedAgain = true;
    this.timer = setTimeout(() => this.read(), DAY_MS);
  }

  /** Whether the board answers the present question. */
  get isAnswered() {
    return this.board?.question === this.question;
  }

  close() {
    this.reset(null);
  }
}
