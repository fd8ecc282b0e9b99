import assert from "node:assert/strict";
import { test } from "node:test";
import { axis, lateness, longGap, timeline, versionsOf, windowOf, withDays } from "../../../bindings/server/page/timeline.js";

const ANN = { id: "a-1", name: "Ann" };
const BOB = { id: "a-2", name: "Bob" };
let next = 0;

/** An entry of a history. Its sequence number is its place, unless it is given. */
function entry(kind, at, more = {}) {
  const { seq = (next += 1), assigned = null, counts = true, late = false, said_at = kind === "message" ? at : null, ...event } = more;
  return { seq, at, said_at, assigned, counts, late, learned_at: at, event: { kind, source: "airship", ...event } };
}
const message = (direction, at, more) => entry("message", at, { direction, ...more });
const rows = (items, type) => items.filter((item) => item.type === type);

test("a history becomes spans, waits and lines", () => {
  const history = [
    entry("open", 1_000),
    message("in", 1_000, { text: "hi" }),
    entry("update_open", 5_000, { assigned: ANN }),
    message("out", 6_000, { assigned: ANN }),
    message("in", 9_000, { assigned: ANN }),
    entry("close", 10_000, { assigned: null }),
    message("in", 11_000),
    entry("open", 20_000, { assigned: BOB }),
  ];
  const { items, spans, waits, waitingSince, reopens, closed } = timeline(history, { started_at: 900, unread: 2, suspect: [] });
  assert.deepEqual(
    spans.map(({ closed: shut, agent, from, until, in: received, out }) => [shut, agent?.name ?? null, from, until, received, out]),
    [[false, null, 900, 5_000, 1, 0], [false, "Ann", 5_000, 10_000, 1, 1], [true, null, 10_000, 20_000, 1, 0], [false, "Bob", 20_000, null, 0, 0]],
  );
  assert.deepEqual(waits, [
    { from: 1_000, until: 6_000, answered: true },
    { from: 9_000, until: 10_000, answered: false },
    { from: 11_000, until: null, answered: false },
  ]);
  assert.equal(waitingSince, 11_000);
  assert.deepEqual([reopens, closed], [1, false]);
  assert.deepEqual(spans[1].waits, [{ from: 5_000, until: 6_000 }, { from: 9_000, until: 10_000 }]);
  assert.deepEqual(spans[2].waits, [], "no wait is drawn while it is closed");
  assert.deepEqual(rows(items, "step").map((step) => [step.what, step.agent?.name ?? null]), [
    ["opened", null], [null, "Ann"], ["closed", null], ["reopened", "Bob"],
  ]);
  const messages = rows(items, "message");
  assert.deepEqual(messages.map((line) => line.answered), [null, 5_000, null, null]);
  assert.deepEqual(messages.map((line) => line.unread), [false, false, true, true]);
  assert.deepEqual(messages.map((line) => line.afterClose), [false, false, false, true]);
});

test("the states of a SuperOffice session open, close and wait", () => {
  const session = (status) => ({ source: "superoffice", session: { status } });
  const history = [entry("open", 1, session(4)), entry("update", 50, session(6)), entry("message", 60, { ...session(5), direction: "in" })];
  const { waits } = timeline(history, { started_at: 1, unread: 0, suspect: [] });
  assert.deepEqual(waits, [{ from: 1, until: 50, answered: true }, { from: 60, until: null, answered: false }]);
  assert.equal(timeline([...history, entry("update_open", 70, session(5)), entry("update", 80, session(9))]).closed, false, "an update says nothing");
  assert.equal(timeline([...history, entry("close", 80, session(7))]).closed, true);
});

test("an event is late by the newest one known before it", () => {
  const history = [
    entry("open", 1_000, { seq: 1 }),
    message("in", 2_000, { seq: 4, late: true }),
    message("in", 3_000, { seq: 2 }),
    message("in", 9_000, { seq: 3 }),
  ];
  assert.deepEqual([...lateness(history)], [[4, 7_000]]);
  const [, line] = rows(timeline(history, { started_at: 1_000, unread: 0, suspect: [] }).items, "message");
  assert.equal(line.lateBy, null);
});

test("losers are versions of the event with the same identity", () => {
  const history = [
    message("in", 1, { seq: 1, identity: "m-1" }),
    message("in", 2, { seq: 2, identity: "m-1", counts: false }),
    message("in", 2, { seq: 3, identity: "m-1", counts: false }),
    message("in", 3, { seq: 4, identity: "m-1", part: 2 }),
    message("in", 4, { seq: 5 }),
  ];
  assert.deepEqual([...versionsOf(history)], [[1, [2, 3]]]);
  const messages = rows(timeline(history).items, "message");
  assert.deepEqual(messages.map((line) => [line.seq, line.losers]), [[1, [2, 3]], [4, []], [5, []]]);
});

test("a suspicion stands before the event that shows it", () => {
  const unread = { field: "unread", expected: 5, found: 3, at: 200 };
  const clock = { field: "clock", expected: null, found: null, at: 999 };
  const history = [message("in", 100), entry("update", 200), entry("update", 200, { unread: 5 }), message("out", 300)];
  const { items } = timeline(history, { started_at: 100, unread: 0, suspect: [unread, clock] });
  assert.deepEqual(items.map((item) => [item.type, item.suspicion?.field]), [
    ["step", undefined], ["message", undefined], ["suspicion", "unread"], ["message", undefined], ["suspicion", "clock"],
  ]);
  assert.equal(items[2].seq, history[2].seq);
  assert.equal(items[4].seq, null);
});

test("the axis is linear except in long silences", () => {
  const span = { from: 0, messages: [{ at: 100 }, { at: 200 }, { at: 10_200 }], waits: [] };
  const { length, x, breaks } = axis(span, 10_300, 1_000);
  assert.equal(length, 1_300);
  assert.deepEqual([0, 50, 100, 200, 10_200, 10_300].map((at) => Math.round(x(at) * 1_300)), [0, 50, 100, 200, 1_200, 1_300]);
  assert.equal(Math.round(x(5_200) * 1_300), 700);
  assert.deepEqual(breaks.map((pair) => pair.map((place) => Math.round(place * 1_300))), [[200, 1_200]]);
  assert.equal(axis({ from: 5, messages: [], waits: [] }, 5, 1).x(5), 0, "a span of no length");
  assert.equal(longGap([span]), 120_000, "silences of two minutes are never cut");
  assert.equal(longGap([{ messages: [0, 60_000, 120_000].map((at) => ({ at })) }]), 480_000);
});

test("days begin where the local date changes", () => {
  const items = [{ at: 1 }, { at: 2 }, { at: 11 }].map((item) => ({ type: "message", ...item }));
  const all = withDays(items, (at) => Math.floor(at / 10));
  assert.deepEqual(all.map((item) => item.type), ["day", "message", "message", "day", "message"]);
  assert.deepEqual(withDays([], String), []);
});

test("a window shows the end, or what is wanted", () => {
  assert.deepEqual(windowOf(10, 300, null, null), [0, 10]);
  assert.deepEqual(windowOf(1_000, 300, null, null), [700, 1_000]);
  assert.deepEqual(windowOf(1_000, 300, null, 5), [0, 300]);
  assert.deepEqual(windowOf(1_000, 300, null, 500), [350, 650]);
  assert.deepEqual(windowOf(1_000, 300, 100, null), [100, 400]);
  assert.deepEqual(windowOf(1_000, 300, 900, 990), [900, 1_000]);
  assert.deepEqual(windowOf(0, 300, 50, null), [0, 0]);
});
