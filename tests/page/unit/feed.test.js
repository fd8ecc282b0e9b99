import assert from "node:assert/strict";
import { test } from "node:test";
import { liveness, retryPause } from "../../../bindings/server/page/feed.js";

test("silence is stale after 15 s; a server that answers without events is quiet after a minute", () => {
  assert.equal(liveness(14_999, 59_999), "live");
  assert.equal(liveness(14_999, 60_000), "quiet");
  assert.equal(liveness(15_000, 0), "stale");
});

test("attempts come at most every 10 s, never all at once, and never stop", () => {
  assert.deepEqual([0, 1, 2, 3, 4, 50].map((n) => retryPause(n, 1)), [1000, 2000, 4000, 8000, 10_000, 10_000]);
  assert.deepEqual([0, 4].map((n) => retryPause(n, 0)), [500, 5000]);
});
