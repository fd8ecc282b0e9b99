// Every number equals the API's number and the length of the list behind it, at the same seq, while events come in.

import { Feeder } from "./fixtures/feeder.js";
import { generate, piecewise, retime, timeOf } from "./fixtures/log.js";
import { expect, number, open, shown, test } from "./fixtures/test.js";

const BEFORE = 8_000;
const RATE = 200;
const HOUR_MS = 3_600_000;
const ENOUGH = 3;
const SUMMED = new Set(["unread"]);

/** Events of Airship and SuperOffice: some hours until now, then `RATE` a second from now on. */
function log(seed) {
  const lines = generate({ events: BEFORE + 16_000, seed, "in-flight": 150, agents: 24, tenants: 4 });
  const now = Date.now();
  const last = now + ((lines.length - BEFORE) * 1000) / RATE;
  const map = piecewise([[timeOf(lines[0]), now - 4 * HOUR_MS], [timeOf(lines[BEFORE]), now], [timeOf(lines.at(-1)), last]]);
  const moved = lines.map((line) => retime(line, map));
  let at = BEFORE;
  return { before: moved.slice(0, BEFORE), next: (n) => moved.slice(at, (at += n)) };
}

/** All rows of a list if every page of it is the state after `seq`; otherwise nothing. */
async function listAt(server, link, seq) {
  const rows = [];
  let cursor = null;
  do {
    const url = new URL(link, server.url);
    url.searchParams.set("limit", "1000");
    if (cursor) url.searchParams.set("cursor", cursor);
    const page = await server.get(url);
    if (page.seq !== seq) return null;
    rows.push(...page.conversations);
    cursor = page.next_cursor;
  } while (cursor);
  return rows;
}

const unreadOf = (rows) => rows.reduce((sum, row) => sum + row.unread, 0);
const agentOf = ({ agent, tenant }) => `${tenant ?? ""}/${agent?.id ?? agent?.name ?? ""}`;

/** Compares what is shown with the API until every number was compared `ENOUGH` times at one seq. */
async function compare(page, server, conditions) {
  const compared = {};
  const done = (name) => (compared[name] = (compared[name] ?? 0) + 1);
  const names = ["waiting", "unassigned", "open", "unread", "suspect"];
  const missing = () => [...names, "board", "agents", "agent's list"].filter((name) => (compared[name] ?? 0) < ENOUGH);
  const deadline = Date.now() + 60_000;
  for (let round = 0; missing().length > 0 && Date.now() < deadline; round++) {
    const page_shows = await shown(page);
    const board = await server.get(`/api/v1/board?limit=1000${conditions}`);
    if (board.seq === page_shows.seq) {
      const api = Object.fromEntries(names.map((name) => [name, board[name]]));
      const head = Object.fromEntries(names.map((name) => [name, number(page_shows.numbers[name])]));
      expect(head, `head numbers at seq ${board.seq}`).toEqual(api);
      done("board");
      const shownAgents = page_shows.agents.map((row) => [`${row.tenant}/${row.agent}`, number(row.open), number(row.unread)]);
      const apiAgents = new Map(board.agents.map((row) => [agentOf(row), [row.open, row.unread]]));
      expect(shownAgents.length).toBeGreaterThan(0);
      for (const [agent, ...numbers] of shownAgents) expect([agent, ...numbers]).toEqual([agent, ...(apiAgents.get(agent) ?? [])]);
      done("agents");
    }
    const name = names.toSorted((a, b) => (compared[a] ?? 0) - (compared[b] ?? 0))[0];
    const { seq, numbers } = await shown(page);
    const rows = await listAt(server, board.links[name], seq);
    if (rows) {
      expect(SUMMED.has(name) ? unreadOf(rows) : rows.length, `${name}: the list at seq ${seq}`).toBe(number(numbers[name]));
      done(name);
    }
    const agent = board.agents[round % board.agents.length];
    const before = await shown(page);
    const row = before.agents.find((row) => `${row.tenant}/${row.agent}` === agentOf(agent));
    const list = row && (await listAt(server, agent.links.open, before.seq));
    if (list) {
      expect([list.length, unreadOf(list)], `${agentOf(agent)} at seq ${before.seq}`).toEqual([number(row.open), number(row.unread)]);
      done("agent's list");
    }
  }
  expect(missing(), `compared ${JSON.stringify(compared)}`).toEqual([]);
  return compared;
}

for (const [title, conditions] of [["all conversations", ""], ["one tenant", "&tenant=Default"]]) {
  test(`numbers equal the API's and their lists' at the same seq: ${title}`, async ({ page, server }) => {
    const events = log(3);
    test.setTimeout(90_000);
    await server.post(events.before);
    await open(page, `${server.url}/?${conditions.slice(1)}`);
    const before = await shown(page);
    const feeder = new Feeder(server, events.next, { rate: RATE, every_ms: 2_000 }).start();
    const compared = await compare(page, server, conditions);
    const pace = feeder.pace;
    await feeder.stop();
    const after = await shown(page);
    console.log(`  ${title}: ${Math.round(pace)} events/s, compared ${JSON.stringify(compared)}`);
    expect(pace).toBeGreaterThan(RATE * 0.5);
    expect(after.seq).toBeGreaterThan(before.seq);
  });
}

test("each head number leads to a list of its length in the page", async ({ page, server }) => {
  await server.post(log(5).before.slice(0, 3_000));
  await open(page, server.url);
  const { numbers } = await shown(page);
  for (const name of ["waiting", "unassigned", "open", "unread", "suspect"]) {
    const expected = number(numbers[name]);
    const link = page.locator(`a:has([data-number=${name}]), a[data-number=${name}]`).first();
    await link.click();
    const list = page.locator("[data-panel=list], [data-panel=waits]").first();
    await expect(async () => {
      const unread = await list.locator("[data-id] [data-cell=unread]").allTextContents();
      const length = await list.locator("[data-id]").count();
      const found = name === "unread" ? unread.reduce((sum, text) => sum + number(text), 0) : length;
      // A list has at most 100 rows in the page; it then says how many there are.
      if (length < 100) expect(found).toBe(expected);
      else await expect(list).toContainText(String(expected));
    }).toPass({ timeout: 30_000 });
    await page.goBack();
    await expect(page.locator("[data-panel=waits]")).toBeVisible();
  }
});

test("the oldest wait is the first row of its list", async ({ page, server }) => {
  await server.post(log(7).before);
  await open(page, server.url);
  const board = await server.get("/api/v1/board");
  const [first] = (await server.get("/api/v1/conversations?waiting=true&sort=waiting&limit=1")).conversations;
  expect(board.oldest_waiting_since).toBe(first.waiting_since);
  expect((await shown(page)).waits[0]).toBe(first.id);
  // A wait can pass into another band between the two.
  await expect(async () => {
    const { bands } = await server.get("/api/v1/board");
    const said = await page.locator("[data-panel=waits]").innerText();
    for (const n of Object.values(bands).filter((n) => n > 0)) expect(said).toMatch(new RegExp(`\\b${n} waiting`));
  }).toPass({ timeout: 30_000 });
});
