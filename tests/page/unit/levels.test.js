import assert from "node:assert/strict";
import { test } from "node:test";
import { crossings, sentence } from "../../../bindings/server/page/announce.js";
import { bandPlaces, bandsAt, isSilent, levelOf, nextCrossing } from "../../../bindings/server/page/levels.js";

const MINUTE = 60_000;
const NOW = Date.UTC(2026, 10, 26, 13);
const thresholds = { warn_ms: 2 * MINUTE, crit_ms: 5 * MINUTE, silent_ms: 30 * MINUTE };
const wait = (id, ms) => ({ id, waiting_since: NOW - ms, member_name: id, agent: { id: "n", name: "Nora" } });
const board = (waits, more = {}) => ({ now: NOW, thresholds, waits, nobody: [], agents: [], bands: {}, ...more });

test("a threshold is reached by a wait of its length", () => {
  assert.equal(levelOf(NOW - 5 * MINUTE, NOW, thresholds), "critical");
  assert.equal(levelOf(NOW - 5 * MINUTE + 1, NOW, thresholds), "warning");
  assert.equal(levelOf(NOW - 2 * MINUTE, NOW, thresholds), "warning");
  assert.equal(levelOf(NOW, NOW, thresholds), "under");
  assert.equal(levelOf(null, NOW, thresholds), null);
});

test("bands follow the clock, also those of rows that are not in the page", () => {
  const snapshot = board([wait("a", 4 * MINUTE + 59_000), wait("b", 119_000)], { bands: { critical: 70, warning: 8, under: 4 } });
  assert.deepEqual(bandsAt(snapshot, NOW), snapshot.bands);
  assert.deepEqual(bandsAt(snapshot, NOW + 1000), { critical: 71, warning: 8, under: 3 });
});

test("the next crossing is the nearest of waits and silences", () => {
  const silent = { oldest_waiting_since: null, last_reply_at: NOW - 30 * MINUTE + 7000 };
  assert.equal(nextCrossing(board([wait("a", 5 * MINUTE), wait("b", 110_000)], { agents: [silent] }), NOW), NOW + 7000);
  assert.equal(nextCrossing(board([wait("a", 9 * MINUTE)]), NOW), Infinity);
  assert.equal(isSilent(silent, NOW + 7000, thresholds), true);
  assert.equal(isSilent({ last_reply_at: null }, NOW, thresholds), false);
});

test("a line stands over the first row of a level, and never over a row that is less urgent than the next", () => {
  const places = (levels) => Object.fromEntries(bandPlaces(levels));
  assert.deepEqual(places(["critical", "critical", "warning", "under"]), { 0: "critical", 2: "warning", 3: "under" });
  assert.deepEqual(places([null, "under", "critical", null, "critical", "under"]), { 2: "critical", 5: "under" });
  assert.deepEqual(places([]), {});
});

test("a critical wait is announced once, and what was critical before is not", () => {
  const first = crossings(null, [wait("a", 9 * MINUTE)], NOW, thresholds);
  assert.deepEqual(first.crossed, []);
  const both = [wait("a", 9 * MINUTE), wait("b", 5 * MINUTE)];
  const second = crossings(first.known, both, NOW, thresholds);
  assert.deepEqual(second.crossed.map(({ id }) => id), ["b"]);
  assert.deepEqual(crossings(second.known, both, NOW + 1000, thresholds).crossed, []);
});

test("one wait is said with its names, several with their number", () => {
  assert.equal(sentence([wait("Björn", 0)], 5 * MINUTE), "Björn waits 5 minutes, with Nora");
  assert.equal(sentence([{ id: "x", member_name: "Unknown", agent: null }], 90_000), "Somebody waits 90 seconds, with nobody");
  assert.equal(sentence([wait("a", 0), wait("b", 0)], 5 * MINUTE), "2 conversations now wait 5 minutes and longer");
});
