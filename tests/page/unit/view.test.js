import assert from "node:assert/strict";
import { test } from "node:test";
import { agentConditions, boardQuestion, clearedHref, describe, hrefOf, isFiltered, listQuestion, longerWait, parseView, reportHref, sortOf } from "../../../bindings/server/page/view.js";

const choices = { agents: [{ tenant: "Care", id: "nora", name: "Nora Zieliński" }] };
const query = (url) => Object.fromEntries(new URL(url, "http://host").searchParams);

test("an address and its view say the same", () => {
  for (const search of ["", "?tenant=Care&channel=sms", "?unassigned=1", "?waiting_min=5m&warn=1m&crit=5m", "?no_tenant=1&agent_id=a%26b"]) {
    assert.equal(hrefOf(parseView(search), {}), search === "" ? "/" : `/${search}`);
  }
});

test("other parameters, empty ones and flags that are off are no conditions", () => {
  assert.equal(isFiltered(parseView("?utm_source=mail&tenant=&suspect=0&theme=dark")), false);
  assert.deepEqual(parseView("?suspect=true").conditions, { suspect: "1" });
});

test("clearing keeps thresholds, zone and theme", () => {
  assert.equal(clearedHref(parseView("?tenant=Care&crit=9m&tz=UTC&status=open")), "/?crit=9m&tz=UTC");
});

test("the report of a board is of its tenant, in its zone and as known at its moment", () => {
  assert.equal(reportHref(parseView("")), "/report");
  assert.equal(reportHref(parseView("?tenant=Care&channel=sms&tz=UTC&known_at=seq:7&as_of=x")), "/report?tenant=Care&tz=UTC&known_at=seq%3A7");
});

test("a question has the conditions of the API", () => {
  const asked = query(boardQuestion(parseView("?unassigned=1&waiting_min=0&channel=in_app&crit=9m"), "Europe/Oslo"));
  assert.deepEqual(asked, { unassigned: "true", waiting: "true", channel: "in_app", crit: "9m", tz: "Europe/Oslo", limit: "100" });
  assert.equal(query(boardQuestion(parseView("?tz=UTC"), "Europe/Oslo")).tz, "UTC");
});

test("a list is asked for in the order of its number, page by page", () => {
  assert.equal(sortOf(parseView("?waiting_min=0&status=open")), "waiting");
  assert.equal(sortOf(parseView("?status=open")), "activity");
  const asked = query(listQuestion(parseView("?unread_min=1&cursor=a-7:x&from=100")));
  assert.deepEqual(asked, { unread_min: "1", status: "open", rows: "true", sort: "activity", limit: "100", cursor: "a-7:x" });
});

test("conditions that select show a list; those that limit show the board", () => {
  const of = (search) => ({ isList: parseView(search).isList, isSelection: parseView(search).isSelection });
  assert.deepEqual(of("?tenant=Care&agent_id=nora"), { isList: false, isSelection: false });
  assert.deepEqual(of("?waiting_min=0&sort=waiting"), { isList: false, isSelection: true });
  for (const search of ["?status=open", "?unassigned=1", "?unread_min=1", "?suspect=1", "?idle_min=1h"]) {
    assert.deepEqual(of(search), { isList: true, isSelection: true }, search);
  }
});

test("the link of an agent selects that agent of that tenant, and nobody else", () => {
  const link = (row) => hrefOf(parseView("?agent=x&unassigned=1&tenant=Other"), agentConditions(row));
  assert.equal(link({ tenant: "Care", agent: { id: "nora", name: "Nora" } }), "/?tenant=Care&agent_id=nora");
  assert.equal(link({ tenant: null, agent: { id: null, name: "Nora" } }), "/?agent_name=Nora&no_tenant=1");
  assert.equal(link({ tenant: null, agent: null }), "/?unassigned=1&no_tenant=1");
});

test("a band of a filtered board keeps the longer wait", () => {
  assert.equal(longerWait(parseView(""), 300_000), "5m");
  assert.equal(longerWait(parseView("?waiting_min=10m"), 300_000), "10m");
});

test("conditions are said in words", () => {
  assert.equal(describe(parseView("?tenant=my_team&channel=in_app&agent_id=nora"), choices), "tenant my_team, channel in app, agent Nora Zieliński");
});
