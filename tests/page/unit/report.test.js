import assert from "node:assert/strict";
import { test } from "node:test";
import { behindQuestion, completed, hrefOfNumber, hrefWith, isGroup, openedOf, parseQuestion, questionOf, rowsOf } from "../../../bindings/server/page/report/address.js";
import { labelsOf, pathsOf, seriesOf, topOf } from "../../../bindings/server/page/report/chart.js";
import { csvOf } from "../../../bindings/server/page/report/csv.js";
import { ALL, countedNumber, DEFAULT, kindOf, measuresOf, opens, partsOf, recounted, shown, withinOf } from "../../../bindings/server/page/report/measures.js";
import { axisName } from "../../../bindings/server/page/report/names.js";
import { nextSort, sorted } from "../../../bindings/server/page/report/order.js";
import { addDays, dateOf, instantOf, localOf, mondayOf, periodOf, periods, rfc3339 } from "../../../bindings/server/page/report/period.js";
import { words } from "../../../bindings/server/page/report/text.js";

const asked = (url) => Object.fromEntries(new URL(url, "http://host").searchParams);

test("an address without a time gets the last seven days in the zone of the reader, and keeps what it says", () => {
  assert.equal(completed("", "2026-11-30", "Europe/Oslo"), "/report?from=2026-11-24&to=2026-12-01&every=1d&tz=Europe/Oslo");
  assert.equal(completed("?from=-7d&by=agent", "2026-11-30", "UTC"), "/report?from=-7d&by=agent&tz=UTC");
  assert.equal(completed("?from=-7d&tz=UTC", "2026-11-30", "Europe/Oslo"), null);
});

test("a question has the parameters of the API and nothing of the page", () => {
  const search = "?from=-7d&every=1d&by=agent,tenant&tz=UTC&sort=-started&theme=dark&exclude_agent=a&exclude_agent=b&known_at=seq:7";
  assert.equal(questionOf(search, ["started", "open"]), "/api/v1/report?from=-7d&every=1d&by=agent,tenant&tz=UTC&exclude_agent=a&exclude_agent=b&known_at=seq:7&measure=started,open");
  assert.equal(asked(questionOf(`${search}&measure=response`, DEFAULT, { by: null })).measure, "response");
  assert.equal(asked(questionOf(search, DEFAULT, { by: null })).by, undefined);
});

test("an address and its question say the same", () => {
  assert.deepEqual(parseQuestion("?from=a&to=b&every=1h&by=agent,channel&measure=open,within:5m&sort=-open.end&tenant=Care&attribute=start"), {
    from: "a", to: "b", every: "1h", by: ["agent", "channel"], measures: ["open", "within:5m"], sort: "-open.end", excluded: [], tenants: ["Care"], byStart: true,
  });
  assert.equal(hrefWith("?from=a&by=agent&rows=open&bucket=x", { by: "tenant", every: null }), "/report?from=a&by=tenant");
});

test("an open number is read back from its address", () => {
  const search = "?from=2026-11-24&every=1d&by=agent&tz=UTC";
  const opened = { measure: "response", part: "p90", from: Date.UTC(2026, 10, 24), to: Date.UTC(2026, 10, 25), group: { agent: { tenant: "Care", id: "7", name: "Zoë & co" } } };
  const href = hrefOfNumber(search, opened);
  assert.deepEqual(openedOf(href.slice("/report".length)), opened);
  const all = { measure: "open", part: "end", from: null, to: null, group: null };
  assert.deepEqual(openedOf(hrefOfNumber(search, { ...all, group: {} }).slice("/report".length)), all);
  assert.equal(openedOf(search), null);
  assert.deepEqual(openedOf("?rows=open&bucket=x/y&group=%7B"), { ...all, part: "" });
});

test("a list is asked for as the report of its bucket, and with durations at their start as the whole report", () => {
  const opened = { measure: "response", part: "n", from: Date.UTC(2026, 10, 24), to: Date.UTC(2026, 10, 25, 9, 0, 0, 5), group: { tenant: "Care" } };
  assert.deepEqual(asked(behindQuestion("?from=-7d&every=1d&by=tenant&tz=UTC&measure=open", opened)), {
    from: "2026-11-24T00:00:00Z", to: "2026-11-25T09:00:00.005Z", by: "tenant", tz: "UTC", rows: "response", limit: "100000",
  });
  assert.equal(asked(behindQuestion("?from=-7d&by=tenant&tz=UTC", { ...opened, group: null })).by, undefined);
  const byStart = asked(behindQuestion("?from=-7d&every=1d&by=tenant&attribute=start", opened));
  assert.deepEqual([byStart.from, byStart.every], ["-7d", "1d"]);
});

test("of the rows behind a measure, a number counts those of its bucket, its group and its part", () => {
  const row = (from, tenant, outcome) => ({ from, by: { tenant }, outcome, value: 1 });
  const rows = [row(1, "Care", null), row(2, "Care", null), row(1, "Sales", null), row(1, "Care", "pending")];
  const of = (more, isByStart = true) => rowsOf({ part: "n", from: 1, group: { tenant: "Care" }, ...more }, isByStart, rows).length;
  assert.deepEqual([of({}), of({ part: "pending" }), of({ group: null }), of({ from: null }), of({}, false)], [1, 1, 2, 2, 2]);
});

test("an agent with an id is the same under another name; one without an id is its name", () => {
  const agent = (id, name, tenant = "Care") => ({ agent: { tenant, id, name } });
  assert.equal(isGroup(agent("7", "Nora"), agent("7", "Nora Z")), true);
  assert.equal(isGroup(agent("7", "Nora"), agent("7", "Nora", "Sales")), false);
  assert.equal(isGroup(agent(null, "Nora"), agent(null, "Ada")), false);
  assert.equal(isGroup({ tenant: null }, { tenant: null }), true);
});

test("every measure has words, a kind and numbers", () => {
  for (const measure of [...ALL.flat(), "within(300000)"]) {
    assert.notEqual(words.measure(measure), measure);
    assert.ok(words.definition(measure).length > 0 && partsOf(measure).length > 0, measure);
  }
  assert.deepEqual([kindOf("within:5m"), kindOf("within(1)"), kindOf("open"), kindOf("handling")], ["outcome", "outcome", "level", "total"]);
  assert.deepEqual([withinOf("within:5m"), withinOf("within(300000)"), withinOf("open")], [300_000, 300_000, null]);
  assert.deepEqual(measuresOf({ from: 1, to: 2, by: {}, open: {}, started: 1 }), ["open", "started"]);
});

test("a number is shown in its unit, and null as a dash", () => {
  assert.equal(shown("response", "p50", 192_000), "3m 12s");
  assert.equal(shown("response", "n", 1_234), "1,234");
  assert.equal(shown("oldest_waiting", "", null), "–");
  assert.equal(shown("within(300000)", "share", 0.934), "93%");
  assert.deepEqual([opens("max", 3), opens("n", 0), opens("p50", null), opens("p50", 0), opens("end", 2)], [false, false, false, false, true]);
});

test("what a list must add up to follows from the kind of the measure", () => {
  const rows = [{ value: 3 }, { value: 5 }];
  assert.deepEqual(["unread", "handling", "oldest_waiting", "response", "started"].map((measure) => recounted(measure, rows)), [8, 8, 5, 2, 2]);
  assert.equal(countedNumber("response", "p90", { n: 4, p90: 9, pending: 2 }), 4);
  assert.equal(countedNumber("response", "pending", { n: 4, p90: 9, pending: 2 }), 2);
  assert.equal(countedNumber("within(1)", "share", { met: 3, missed: 1, share: 0.75 }), 4);
  assert.equal(countedNumber("open", "end", { end: 7, max: 9 }), 7);
});

test("rows are sorted by numbers, those without a value last in both directions", () => {
  const rows = [3, null, 1, 2].map((p50, i) => ({ from: i, by: { tenant: "dbca"[i] }, response: { p50 } }));
  const order = (sort) => sorted(rows, sort, (row, by) => row.by[by]).map(({ from }) => from);
  assert.deepEqual(order(null), [0, 1, 2, 3]);
  assert.deepEqual(order("response.p50"), [2, 3, 0, 1]);
  assert.deepEqual(order("-response.p50"), [0, 3, 2, 1]);
  assert.deepEqual(order("by.tenant"), [3, 1, 2, 0]);
  assert.deepEqual(order("-no_such.part"), [0, 1, 2, 3]);
  assert.deepEqual([nextSort(null, "started"), nextSort("-started", "started"), nextSort("started", "started"), nextSort("-started", "from")], ["-started", "started", "-started", "from"]);
});

test("periods are days of the zone, weeks begin on Monday", () => {
  const today = dateOf(Date.parse("2026-11-30T23:30:00Z"), "Europe/Oslo");
  assert.equal(today, "2026-12-01");
  assert.equal(mondayOf("2026-12-06"), "2026-11-30");
  assert.equal(mondayOf("2026-11-30"), "2026-11-30");
  assert.equal(addDays("2026-02-28", 1), "2026-03-01");
  const { thisWeek, lastWeek, last30Days, yesterday } = periods(today);
  assert.deepEqual([thisWeek.from, thisWeek.to, lastWeek.from, lastWeek.to], ["2026-11-30", "2026-12-07", "2026-11-23", "2026-11-30"]);
  assert.deepEqual([last30Days.from, last30Days.to, yesterday.from, yesterday.to], ["2026-11-02", "2026-12-02", "2026-11-30", "2026-12-01"]);
  assert.equal(periodOf(lastWeek, today), "lastWeek");
  assert.equal(periodOf({ from: "-7d", to: null }, today), null);
});

test("a local time is the instant at which the clocks of the zone show it", () => {
  const at = (local, zone) => new Date(instantOf(local, zone)).toISOString();
  assert.equal(at("2026-11-30T14:05", "Europe/Oslo"), "2026-11-30T13:05:00.000Z");
  assert.equal(at("2026-10-25T02:30", "Europe/Oslo"), "2026-10-25T00:30:00.000Z");
  assert.equal(at("2026-03-29T02:30", "Europe/Oslo"), "2026-03-29T01:30:00.000Z");
  assert.equal(at("2026-11-30T00:00", "Pacific/Kiritimati"), "2026-11-29T10:00:00.000Z");
  assert.equal(instantOf("", "UTC"), null);
  for (const zone of ["America/St_Johns", "Asia/Kathmandu", "Europe/Oslo"]) {
    for (let time = Date.UTC(2026, 2, 27); time < Date.UTC(2026, 3, 1); time += 1_800_000) assert.equal(instantOf(localOf(time, zone), zone), time, `${zone} ${time}`);
  }
});

test("a chart has a bar for each value and none for what is absent", () => {
  const row = (from, p50, p90) => ({ from, by: {}, response: { n: 1, p50, p90, pending: 0 } });
  const rows = [row(0, 60_000, 120_000), row(1, null, null)];
  assert.equal(topOf("response", rows), 120_000);
  const { bars, lines } = pathsOf("response", rows, 120_000);
  assert.equal(bars, "M2 100V50H14V100z");
  assert.equal(lines, "M8 50V0M5 0h6");
  assert.equal(topOf("within(1)", []), 1);
  assert.equal(topOf("started", [{ started: 4 }]), 6);
});

test("the labels of a chart are few and stand for all buckets", () => {
  for (const n of [1, 6, 7, 31, 720]) {
    const labels = labelsOf(Array.from({ length: n }, (_, from) => ({ from })));
    assert.ok(labels.length <= 6);
    assert.equal(labels.reduce((sum, { span }) => sum + span, 0), n);
  }
});

test("the hours of one day are labelled by the clock, those of several days by the day", () => {
  const hour = (n) => ({ from: Date.UTC(2026, 10, 26, n) });
  assert.equal(axisName(hour(4).from, [hour(0), hour(23)], "1h", "UTC"), "04:00");
  assert.equal(axisName(hour(4).from, [hour(0), hour(25)], "1h", "UTC"), "Thu 26 Nov");
  assert.equal(axisName(hour(0).from, [hour(0)], "1mo", "UTC"), "November 2026");
});

test("a group has a place for each bucket, also for those without a row", () => {
  const whole = [{ from: 0 }, { from: 1 }];
  const grouped = [{ from: 1, by: { tenant: "Care" }, started: 2 }, { from: 0, by: { tenant: "Sales" }, started: 0 }];
  assert.deepEqual(seriesOf("started", whole, grouped), [{ name: "Care", rows: [{ from: 0, started: null }, grouped[0]] }]);
});

test("CSV has a column for each number, and no cell that a spreadsheet evaluates", () => {
  const agent = { tenant: "Care, north", id: "7", name: "=1+1" };
  const from = Date.parse("2026-11-29T23:00:00.005Z");
  const row = { from, to: from + 1, by: { agent, channel: null }, open: { end: 1, max: 2, mean: 1.5 }, response: { n: 0, pending: 1, unknown: 3, mean: null }, started: 2, oldest_waiting: null };
  assert.equal(csvOf([row], "Europe/Oslo"), [
    "from,to,agent_tenant,agent_id,agent_name,channel,open_end,open_max,open_mean,response_n,response_pending,response_mean,response_unknown,started,oldest_waiting",
    "2026-11-30T00:00:00.005+01:00,2026-11-30T00:00:00.006+01:00,\"Care, north\",7,'=1+1,,1,2,1.5,0,1,,3,2,",
    "",
  ].join("\r\n"));
  assert.equal(rfc3339(0, "UTC"), "1970-01-01T00:00:00.000Z");
  assert.equal(rfc3339(Date.UTC(2026, 6, 1), "America/St_Johns"), "2026-06-30T21:30:00.000-02:30");
});
