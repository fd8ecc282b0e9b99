import assert from "node:assert/strict";
import { test } from "node:test";
import { axisOf, barsOf, heightOf, linePath, mostOf, roundDuration, roundTop } from "../../../bindings/server/page/chart.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const FROM = Date.UTC(2026, 10, 25, 23);

function day({ hours = 24, open = [] } = {}) {
  return { from: FROM, until: FROM + hours * HOUR, step_ms: 5 * MINUTE, open, waiting: open, answers: [] };
}

test("the axis has the usual hours, earlier ones if something was open, and the evening when it comes", () => {
  const quietNight = day({ open: Array(12 * 14).fill(0) });
  assert.equal(axisOf(quietNight, FROM + 14 * HOUR).hours.length, 14);
  assert.equal(axisOf(day({ open: [3] }), FROM + 14 * HOUR).from, FROM);
  assert.equal(axisOf(day({ open: [...Array(12 * 5 + 3).fill(0), 1] }), FROM + 14 * HOUR).from, FROM + 5 * HOUR);
  assert.equal(axisOf(quietNight, FROM + 19 * HOUR).until, FROM + 24 * HOUR);
  assert.equal(axisOf(quietNight, FROM + 2 * HOUR).from, FROM + 2 * HOUR);
});

test("a day with a change of the clocks has 23 or 25 hours", () => {
  for (const hours of [23, 25]) assert.equal(axisOf(day({ hours, open: [1] }), FROM + 20 * HOUR).hours.length, hours);
});

test("a line ends at now, with what is true now", () => {
  const axis = { from: FROM, until: FROM + HOUR };
  const line = linePath(axis, day(), [0, 3, 6], 6, { at: FROM + 12 * MINUTE, value: 3 });
  assert.equal(line, "M0 100L5 50L10 0L12 50");
  assert.equal(linePath(axis, day(), [0, 3, 6], 6, { at: FROM + 4 * MINUTE, value: 3 }), "M0 100L4 50");
});

test("scales end at round numbers", () => {
  assert.deepEqual([1, 3, 41, 46, 60, 61, 91, 2345].map(roundTop), [3, 3, 60, 60, 60, 90, 120, 3000]);
  assert.deepEqual([1, 61_000, 4 * MINUTE, 50 * HOUR].map(roundDuration), [MINUTE, 2 * MINUTE, 4 * MINUTE, 72 * HOUR]);
  assert.equal(heightOf(0, 60), 100);
});

test("the most of a day is where it was first", () => {
  assert.deepEqual(mostOf(day(), [1, 4, 4]), { value: 4, at: FROM + 5 * MINUTE });
  assert.equal(mostOf(day(), []), null);
});

test("bars are those of the hours on the axis", () => {
  const answers = [0, 6, 7].map((hour) => ({ from: FROM + hour * HOUR, until: FROM + (hour + 1) * HOUR, n: 1 }));
  const axis = { from: FROM + 6 * HOUR, until: FROM + 20 * HOUR };
  assert.equal(barsOf({ answers }, axis).length, 2);
});
