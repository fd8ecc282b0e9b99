import assert from "node:assert/strict";
import { test } from "node:test";
import * as format from "../../../bindings/server/page/format.js";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

test("an age has two units, and the second one has two digits", () => {
  const ages = [
    [0, "0m 00s"],
    [22_999, "0m 22s"],
    [59 * MINUTE + 59 * SECOND, "59m 59s"],
    [HOUR + 4 * MINUTE, "1h 04m"],
    [24 * HOUR - 1, "23h 59m"],
    [51 * HOUR, "2d 03h"],
    [-5, "0m 00s"],
  ];
  for (const [ms, text] of ages) assert.equal(format.age(ms), text);
});

test("a duration in a sentence has seconds only below a minute", () => {
  assert.equal(format.span(48_900), "48 s");
  assert.equal(format.span(72_000), "1m 12s");
  assert.equal(format.minutes(24 * MINUTE + 41 * SECOND), "24m");
});

test("round durations are spoken in their largest whole unit", () => {
  assert.equal(format.spoken(5 * MINUTE), "5 minutes");
  assert.equal(format.spoken(HOUR), "1 hour");
  assert.equal(format.spoken(90 * SECOND), "90 seconds");
  assert.equal(format.spoken(48 * HOUR), "2 days");
});

test("a duration of a parameter is read and written", () => {
  for (const text of ["90s", "5m", "2h", "3d"]) assert.equal(format.duration(format.parseDuration(text)), text);
  assert.equal(format.parseDuration("0"), 0);
  for (const wrong of ["", "5", "5 m", "m5", "1.5h", "1234567s"]) assert.equal(format.parseDuration(wrong), null);
});

test("times are of the zone, also after a change of the clocks", () => {
  const before = Date.UTC(2026, 9, 25, 0, 30);
  assert.equal(format.hourMinute(before, "Europe/Oslo"), "02:30");
  assert.equal(format.hourMinute(before + HOUR, "Europe/Oslo"), "02:30");
  assert.equal(format.exact(Date.UTC(2026, 10, 26, 13, 21, 45, 14), "Europe/Oslo"), "14:21:45.014 CET, Thursday 26 November 2026");
  assert.equal(format.time(Date.UTC(2026, 0, 1), "UTC"), "00:00:00");
});

test("the end of an id stays visible", () => {
  assert.deepEqual(format.idParts("a8fa17d6_1966"), ["a8fa17d6_", "1966"]);
  assert.deepEqual(format.idParts("case-1"), ["case-1", ""]);
  assert.deepEqual(format.idParts("😀😀😀😀😀😀😀😀😀").map((part) => [...part].length), [5, 4]);
});

test("the path of a conversation has its id in one segment", () => {
  assert.equal(format.conversationPath("a/b%20?#"), "/c/a%2Fb%2520%3F%23");
});
