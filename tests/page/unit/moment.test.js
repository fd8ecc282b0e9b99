import assert from "node:assert/strict";
import { test } from "node:test";
import { addressAt, minuteOf, momentAt, momentOf, momentParams, moved, timeOf, timeOnDay, truthOf } from "../../../bindings/server/page/moment.js";
import { time } from "../../../bindings/server/page/format.js";
import { boardQuestion, clearedHref, hrefOf, listQuestion, parseView } from "../../../bindings/server/page/view.js";

const MINUTE = 60_000;
const NOON = Date.parse("2026-11-26T12:00:00Z");
const query = (url) => Object.fromEntries(new URL(url, "http://host").searchParams);

test("an address and its moment say the same", () => {
  for (const moment of [null, momentAt("as_of", NOON), momentAt("known_at", NOON + 1), { known_at: "seq:812" }, { as_of: "-2h", known_at: "latest" }]) {
    const address = addressAt({ pathname: "/c/a%2Fb", search: "?tz=UTC" }, moment);
    assert.deepEqual(momentOf(new URL(address, "http://host").search), moment);
    assert.match(address, /^\/c\/a%2Fb\?tz=UTC/);
  }
  assert.equal(addressAt({ pathname: "/", search: "?as_of=latest&cursor=a-7:x&from=100&status=open" }, null), "/?status=open");
  assert.equal(addressAt({ pathname: "/", search: "" }, momentAt("as_of", NOON)), "/?as_of=2026-11-26T12:00:00Z");
  assert.equal(momentOf("?as_of=&known_at="), null);
});

test("a time with an offset reaches the server as it was given", () => {
  const moment = momentOf("?as_of=2026-11-26T13:00:00%2B01:00");
  assert.equal(timeOf(moment), NOON);
  assert.equal(query(`/api/v1/board?limit=1${momentParams(moment)}`).as_of, "2026-11-26T13:00:00+01:00");
});

test("what a moment says of its time and its truth", () => {
  assert.deepEqual([timeOf(null), timeOf({ known_at: "seq:812" }), timeOf({ as_of: "-2h" })], [null, null, null]);
  assert.deepEqual([truthOf(null), truthOf({ as_of: "x" }), truthOf({ known_at: "x" }), truthOf({ as_of: "x", known_at: "y" })], ["as_of", "as_of", "known_at", "as_of"]);
});

test("the slider goes by whole minutes and not past now", () => {
  const now = NOON + 30_000;
  assert.equal(minuteOf(now), NOON);
  assert.equal(moved(now, -1, now), NOON - MINUTE);
  assert.equal(moved(NOON - 5 * MINUTE, 4, now), NOON - MINUTE);
  assert.equal(moved(NOON - 5 * MINUTE, 5, now), null);
});

test("a time of day is found on days of 23, 24 and 25 hours", () => {
  const at = (zone) => (ms) => time(ms, zone).slice(0, 5);
  const oslo = at("Europe/Oslo");
  assert.equal(timeOnDay(Date.parse("2026-11-25T23:00:00Z"), "13:00", oslo), NOON);
  assert.equal(timeOnDay(Date.parse("2026-03-28T23:00:00Z"), "14:05", oslo), Date.parse("2026-03-29T12:05:00Z"));
  assert.equal(timeOnDay(Date.parse("2026-10-24T22:00:00Z"), "14:05", oslo), Date.parse("2026-10-25T13:05:00Z"));
  // Twice on that day: the first one.
  assert.equal(timeOnDay(Date.parse("2026-10-24T22:00:00Z"), "02:30", oslo), Date.parse("2026-10-25T00:30:00Z"));
  assert.equal(timeOnDay(Date.parse("2026-03-28T23:00:00Z"), "02:30", oslo), null);
  assert.equal(timeOnDay(NOON, "", oslo), null);
});

test("filters keep the moment, and the stream is about now", () => {
  const view = parseView("?tenant=Care&known_at=seq:7");
  assert.equal(query(hrefOf(view, { channel: "sms" })).known_at, "seq:7");
  assert.equal(query(clearedHref(view)).known_at, "seq:7");
  assert.equal(query(listQuestion(view)).known_at, "seq:7");
  assert.equal(query(boardQuestion(view, "UTC")).known_at, undefined);
  assert.equal(query(boardQuestion(view, "UTC", 9, momentOf("?known_at=seq:7"))).known_at, "seq:7");
});
