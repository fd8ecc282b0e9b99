import assert from "node:assert/strict";
import { test } from "node:test";
import * as clock from "../../../bindings/server/page/clock.js";
import { Feed, liveness, retryPause } from "../../../bindings/server/page/feed.js";

test("silence is stale after 15 s; a server that answers without events is quiet after a minute", () => {
  assert.equal(liveness(14_999, 59_999), "live");
  assert.equal(liveness(14_999, 60_000), "quiet");
  assert.equal(liveness(15_000, 0), "stale");
});

test("attempts come at most every 10 s, never all at once, and never stop", () => {
  assert.deepEqual([0, 1, 2, 3, 4, 50].map((n) => retryPause(n, 1)), [1000, 2000, 4000, 8000, 10_000, 10_000]);
  assert.deepEqual([0, 4].map((n) => retryPause(n, 0)), [500, 5000]);
});

const feed = () => new Feed({ url: () => "", events: ["board", "day"], onEvent() {}, onChange() {} });
const say = (feed, name, data) => feed.word(name, { data: JSON.stringify(data), lastEventId: "" });

test("a day that reflects fewer events than the board does not set the seq back; another database does", () => {
  const one = feed();
  const seqs = [["board", "a", 7], ["day", "a", 5], ["clock", undefined, 8], ["board", "b", 2]].map(([name, database_id, seq]) => {
    say(one, name, { seq, database_id });
    return one.seq;
  });
  assert.deepEqual(seqs, [7, 7, 8, 2]);
  assert.notEqual(one.replacedAt, null);
});

test("the clock follows the clock of the server, not the times at which boards were made", () => {
  const one = feed();
  say(one, "board", { now: 1_000_000, seq: 1, database_id: "a" });
  assert.ok(Math.abs(clock.now() - 1_000_000) < 1000);
  say(one, "clock", { now: 1_060_000, seq: 1 });
  say(one, "board", { now: 1_050_000, seq: 2, database_id: "a" });
  assert.ok(Math.abs(clock.now() - 1_060_000) < 1000);
  clock.stop();
  say(one, "board", { now: 1_070_000, seq: 3, database_id: "a" });
  assert.ok(Math.abs(clock.now() - 1_070_000) < 1000 && clock.isRunning());
});
