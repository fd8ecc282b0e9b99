import assert from "node:assert/strict";
import { test } from "node:test";
import { placeIn } from "../../../bindings/server/page/list.js";

const list = { name: "waits", ids: ["a", "b/c", "d"] };

test("a conversation has a place in the list it was opened from", () => {
  assert.deepEqual(placeIn(list, "b/c"), { name: "waits", number: 2, of: 3, previous: "a", next: "d" });
  assert.deepEqual(placeIn(list, "a"), { name: "waits", number: 1, of: 3, previous: null, next: "b/c" });
  assert.equal(placeIn(list, "d").next, null);
});

test("a conversation that was opened otherwise has none", () => {
  assert.equal(placeIn(list, "z"), null);
  assert.equal(placeIn(null, "a"), null);
});
