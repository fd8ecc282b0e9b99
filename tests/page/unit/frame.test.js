import assert from "node:assert/strict";
import { test } from "node:test";
import { whatIsMissing } from "../../../bindings/server/page/frame.js";

test("partitions of a cluster that are missing or old are named, and counted if they are many", () => {
  assert.equal(whatIsMissing(undefined), null);
  assert.equal(whatIsMissing({ missing: [], stale: [] }), null);
  assert.equal(whatIsMissing({ missing: ["partition 3 is missing"], stale: ["partition 5 is old"] }), "partition 3 is missing; partition 5 is old");
  assert.equal(whatIsMissing({ missing: ["a", "b", "c"], stale: ["d"] }), "a; b; 2 more");
});
