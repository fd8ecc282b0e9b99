// The geometry of the lines and bars of today. Pure functions; the drawing is in day.js.

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** The part of a day that is always shown: most contact centers have their people in it. */
const FIRST_HOUR = 6;
const LAST_HOUR = 20;
/** The height of the drawing, which stretches to its place. */
export const HEIGHT = 100;

/**
 * The part of the day that is drawn: the usual hours, from the first hour with an open conversation if that is earlier, and to
 * midnight in the evening.
 * @param {object} day
 * @param {number} now
 * @returns {{from: number, until: number, hours: number[]}} `hours`: when each begins
 */
export function axisOf({ from, until, step_ms: step, open }, now) {
  const firstOpen = open.findIndex((n) => n > 0);
  const hoursBefore = firstOpen < 0 ? FIRST_HOUR : Math.floor((firstOpen * step) / HOUR);
  const hoursNow = Math.floor((now - from) / HOUR);
  const isLate = now >= from + (LAST_HOUR - 1) * HOUR;
  const first = from + Math.max(0, Math.min(FIRST_HOUR, hoursBefore, hoursNow)) * HOUR;
  const last = isLate ? until : from + LAST_HOUR * HOUR;
  const hours = [];
  // A day with a change of the clocks has 23 or 25 of them.
  for (let hour = first; hour < last; hour += HOUR) hours.push(hour);
  return { from: first, until: last, hours };
}

/**
 * The smallest round number that a scale with three lines can have at its top.
 * @param {number} most
 */
export function roundTop(most) {
  for (let power = 1; ; power *= 10) {
    for (const step of [3, 6, 9, 12, 15, 21]) {
      if (step * power >= most) return step * power;
    }
  }
}

/** The smallest duration at the top of a scale. */
export function roundDuration(most) {
  const tops = [1, 2, 4, 6, 10, 20, 30].map((n) => n * MINUTE).concat([1, 2, 4, 8, 12, 24].map((n) => n * HOUR));
  return tops.find((top) => top >= most) ?? Math.ceil(most / (24 * HOUR)) * 24 * HOUR;
}

/** Minutes from the left end of the axis. */
export const minutesAt = (axis, at) => round((at - axis.from) / MINUTE);

/** From the top of the drawing. */
export const heightOf = (value, top) => round(HEIGHT - (value / top) * HEIGHT);

/**
 * A line through values at equal steps, and on to what is true now.
 * @param {{from: number, until: number}} axis
 * @param {{from: number, step_ms: number}} day
 * @param {number[]} values
 * @param {number} top
 * @param {{at: number, value: number} | null} latest
 */
export function linePath(axis, { from, step_ms: step }, values, top, latest) {
  const points = values
    .map((value, i) => ({ at: from + i * step, value }))
    .filter(({ at }) => at >= axis.from && at <= axis.until && (latest === null || at < latest.at));
  if (latest !== null) points.push(latest);
  return points.map(({ at, value }, i) => `${i === 0 ? "M" : "L"}${minutesAt(axis, at)} ${heightOf(value, top)}`).join("");
}

/**
 * The largest value and when it was first reached; `null` without values.
 * @param {{from: number, step_ms: number}} day
 * @param {number[]} values
 */
export function mostOf({ from, step_ms: step }, values) {
  if (values.length === 0) return null;
  const value = values.reduce((a, b) => Math.max(a, b));
  return { value, at: from + values.indexOf(value) * step };
}

/** The hours that the bars show: those of the axis that have begun. */
export function barsOf({ answers }, axis) {
  return answers.filter(({ from, until }) => until > axis.from && from < axis.until);
}

/**
 * Where the marks of moments stand that late events changed: at most one every few minutes.
 * @param {{from: number, until: number}} axis
 * @param {{late?: number[], step_ms: number}} day
 */
export function lateMarks(axis, { late = [], step_ms: step }) {
  const places = late.filter((at) => at >= axis.from && at <= axis.until).map((at) => minutesAt(axis, Math.floor(at / step) * step));
  return [...new Set(places)];
}

const round = (number) => Math.round(number * 10) / 10;
