// The day in hours. Pure.

/**
 * The hours of a day: how many were open and waiting when each began, the most in it, and its answers.
 * @param {{from: number, step_ms: number, open: number[], waiting: number[], answers: object[]}} day
 */
export function hours({ from, step_ms: step, open, waiting, answers }) {
  return answers
    .map((answer) => {
      const first = Math.round((answer.from - from) / step);
      const after = Math.round((answer.until - from) / step);
      const most = (values) => values.slice(first, after).reduce((a, b) => Math.max(a, b), -1);
      return { ...answer, open: open[first], waiting: waiting[first], mostOpen: most(open), mostWaiting: most(waiting) };
    })
    .filter((hour) => hour.open !== undefined);
}
