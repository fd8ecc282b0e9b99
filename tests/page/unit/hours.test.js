import assert from "node:assert/strict";
import { test } from "node:test";
import { hours } from "../../../bindings/server/page/hours.js";

const HOUR = 3_600_000;
const answers = (n) => Array.from({ length: n }, (_, i) => ({ from: i * HOUR, until: (i + 1) * HOUR, n: i, p50: null, p90: null, max: null }));

test("an hour has what was at its start, and the most in it", () => {
  const day = { from: 0, step_ms: HOUR / 4, open: [1, 5, 2, 2, 3, 9], waiting: [0, 1, 4, 0, 2, 1], answers: answers(24) };
  const rows = hours(day);
  assert.equal(rows.length, 2, "hours that have not begun are left out");
  assert.deepEqual(rows.map((row) => [row.open, row.mostOpen, row.waiting, row.mostWaiting, row.n]), [[1, 5, 0, 4, 0], [3, 9, 2, 2, 1]]);
});

test("a day without anything has no hours", () => {
  assert.deepEqual(hours({ from: 0, step_ms: HOUR, open: [], waiting: [], answers: answers(24) }), []);
});
