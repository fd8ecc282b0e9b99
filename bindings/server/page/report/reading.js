// Asks for a report: its rows, the same without groups, and all of its time in one row. Each is computed from the events, never
// from another one.
import { serverNow } from "../clock.js";
import { ask } from "../feed.js";
import { fixed, parseQuestion, questionOf } from "./address.js";

/**
 * @typedef {object} Answer
 * @property {string} question
 * @property {import("./address.js").Question} asked
 * @property {{from: number, to: number, zone: string, rows: object[]}} report
 * @property {object[]} whole a row for each bucket, of all groups together
 * @property {object} total the whole time and all groups
 * @property {number} at when it was asked for
 */

export class Reading {
  /** @param {() => void} onChange called when there is another answer or a problem, or one is awaited */
  constructor(onChange) {
    this.onChange = onChange;
    this.question = null;
    /** @type {Answer | null} */
    this.answer = null;
    this.problem = null;
    /** When the server was asked, while it computes. */
    this.askedAt = null;
  }

  /**
   * Asks, unless it was asked already.
   * @param {string} search of the address
   * @param {string[]} measures
   */
  follow(search, measures) {
    const question = questionOf(search, measures);
    if (question === this.question) return;
    Object.assign(this, { question, search, measures });
    this.read();
  }

  async read() {
    this.request?.abort();
    this.request = new AbortController();
    const { signal } = this.request;
    this.askedAt = serverNow();
    this.problem = null;
    this.onChange();
    try {
      this.answer = await this.all(signal);
    } catch (problem) {
      if (signal.aborted) return;
      this.problem = problem;
    }
    this.askedAt = null;
    this.onChange();
  }

  /** One answer after the other: the server computes one report at a time. */
  async all(signal) {
    const { question, search, measures, askedAt: at } = this;
    const asked = parseQuestion(search);
    const report = await ask(question, signal);
    const without = async (changes) => (await ask(questionOf(search, measures, { ...fixed(report), ...changes }), signal)).rows;
    const whole = asked.by.length > 0 && asked.every ? await without({ by: null }) : report.rows;
    const [total = null] = asked.by.length > 0 || asked.every ? await without({ by: null, every: null }) : report.rows;
    return { question, asked, report, whole, total, at };
  }

  close() {
    this.request?.abort();
  }
}
