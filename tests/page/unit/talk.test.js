import assert from "node:assert/strict";
import { test } from "node:test";
import { talk } from "../../../bindings/server/page/talk.js";

const name = (agent) => agent.name;
const ANN = { name: "Ann" };
const BOB = { name: "Bob" };

test("a step says what happened", () => {
  const step = (more) => talk.step({ what: null, changes: false, from: null, agent: null, ...more }, name);
  assert.equal(step({ what: "opened" }), "opened; nobody is assigned");
  assert.equal(step({ what: "opened", changes: true, agent: ANN }), "opened; assigned to Ann");
  assert.equal(step({ changes: true, agent: ANN }), "assigned to Ann");
  assert.equal(step({ changes: true, from: ANN, agent: BOB }), "handed from Ann to Bob");
  assert.equal(step({ changes: true, from: ANN }), "unassigned from Ann");
  assert.equal(step({ what: "closed", changes: true, from: ANN }), "closed; unassigned from Ann");
  assert.equal(step({ what: "closed", agent: ANN }), "closed");
  assert.equal(step({ what: "reopened", agent: ANN }), "reopened; still with Ann");
  assert.equal(step({ what: "reopened", changes: true, from: ANN }), "reopened; unassigned from Ann");
});

test("suspicions say what is missing, by the name of the source", () => {
  const unread = (expected, found) => talk.suspects({ field: "unread", expected, found }, "Airship", "UTC");
  assert.equal(unread(5, 3), "2 messages or more are missing before here. Airship said 5 unread; we hold 3.");
  assert.equal(unread(1, 0), "1 message or more is missing before here. Airship said 1 unread; we hold 0.");
  assert.match(talk.suspects({ field: "clock", expected: null, found: null }, "Airship", "UTC"), /no usable time/);
  assert.match(talk.suspects({ field: "clock", expected: 0, found: 86_400_001 }, "Airship", "UTC"), /00:00:00.000 UTC, Thursday 1 January 1970 by the one/);
});

test("an event was learned later, or before it happened by its own clock", () => {
  assert.equal(talk.learnedAfter(300), "0.3 s later");
  assert.equal(talk.learnedAfter(134_000), "2m 14s later");
  assert.equal(talk.learnedAfter(-1_500), "1.5 s before");
});

test("numbers of one are not plural", () => {
  assert.equal(talk.reopened(0) + talk.reopened(1) + talk.reopened(2) + talk.reopened(3), ", reopened once, reopened twice, reopened 3 times");
  assert.equal(talk.arrivedEvents({ events: 1, conflicts: 0, first_seq: 7, last_seq: 7 }), "1 event, seq 7");
  assert.equal(talk.arrivedEvents({ events: 26, conflicts: 1, first_seq: 63_811, last_seq: 81_198 }), "27 events, seq 63,811 to 81,198");
});
