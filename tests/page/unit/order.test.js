import assert from "node:assert/strict";
import { test } from "node:test";
import { entriesOf, holdOrder, movedKeys } from "../../../bindings/server/page/order.js";

const entries = (keys, value = 0) => entriesOf([...keys].map((id) => ({ id, value })), (row) => row.id);
const keys = (list) => list.map((entry) => entry.key).join("");

test("a held order gets new values, and nothing else", () => {
  const held = holdOrder(entries("abc"), entries("abc", 1));
  assert.equal(keys(held.entries), "abc");
  assert.deepEqual(held.entries.map(({ row }) => row.value), [1, 1, 1]);
  assert.equal(held.changes, 0);
});

test("arrivals wait, departures stay marked, and both are counted", () => {
  const held = holdOrder(entries("abc"), entries("zbc"));
  assert.equal(keys(held.entries), "abc");
  assert.deepEqual(held.entries.map((entry) => entry.isGone), [true, false, false]);
  assert.equal(held.changes, 2);
});

test("a row that comes back while the order is held is a row again", () => {
  const gone = holdOrder(entries("ab"), entries("b")).entries;
  const back = holdOrder(gone, entries("ab"));
  assert.deepEqual(back.entries.map((entry) => entry.isGone), [false, false]);
  assert.equal(back.changes, 0);
});

test("as few rows as possible have moved", () => {
  assert.deepEqual(movedKeys(entries("abcde"), entries("bcdea")), new Set("a"));
  assert.deepEqual(movedKeys(entries("abcde"), entries("abcde")), new Set());
  assert.equal(movedKeys(entries("abc"), entries("cba")).size, 2);
  assert.deepEqual(movedKeys(entries("abc"), entries("xcy")), new Set());
  assert.equal(holdOrder(entries("abc"), entries("cab")).changes, 1);
});
