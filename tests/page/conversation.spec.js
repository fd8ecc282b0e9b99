// The page of one conversation, and of its events.

import { answer, close, conversation } from "./fixtures/life.js";
import { CONNECTION, expect, open, test } from "./fixtures/test.js";

const MINUTE = 60_000;
const mina = { id: "mina", name: "Mina Petrov" };
const nora = { id: "nora", name: "Nora Zieliński" };

const at = (ms) => new Date(ms).toISOString();
const event = (id, kind, ms, more) => ({ convofold: 1, source: "airship", conversation: id, kind, occurred: at(ms), ...more });
const says = (id, direction, ms, text, more) => event(id, "message", ms, { direction, channel: "sms", text, ...more });

/** A zone in which it is noon now, so that 20 hours ago is yesterday and 20 minutes ago is today, at any time of day. */
function noon() {
  const hours = 12 - new Date().getUTCHours();
  // The sign in these names is the other way round.
  return `Etc/GMT${hours < 0 ? "+" : "-"}${Math.abs(hours)}`;
}

/** A conversation of everything: a late event, a duplicate, a conflict, a suspicion, a close and a reopening. */
async function post(server, id, now) {
  const began = now - 20 * 60 * MINUTE;
  const back = now - 20 * MINUTE;
  const again = says(id, "in", began + 5 * MINUTE, "Money back, please");
  await server.post([event(id, "open", began, { agent: null, member_name: "Björn Jansen" }), says(id, "in", began, "hi"), event(id, "update_open", began + 46_000, { agent: mina })]);
  await server.post([says(id, "out", began + 46_000, "Hello Björn"), says(id, "out", began + 4 * MINUTE, "Which do you prefer?")]);
  await server.post([says(id, "in", began + 2 * MINUTE, "A photo? I can mail it")]);
  await server.post([again]);
  await server.post([again]);
  await server.post([says(id, "out", began + 6 * MINUTE, "A label comes by e-mail"), event(id, "close", began + 10 * MINUTE, { agent: null })]);
  await server.post([says(id, "in", began + 11 * MINUTE, "thanks")]);
  await server.post([event(id, "open", back, { agent: nora }), says(id, "in", back, "السلام عليكم", { identity: "v" })]);
  await server.post([says(id, "in", back + 1000, "I paid 385", { identity: "v" })]);
  await server.post([says(id, "out", back + 3 * MINUTE, "One moment")]);
  await server.post([event(id, "update_open", back + 4 * MINUTE, { unread: 3, active: at(back + 4 * MINUTE) })]);
  await server.post([says(id, "in", back + 9 * MINUTE, "Nobody rang")]);
}

test("head, state and strip say what the API says", async ({ page, server }) => {
  await post(server, "case/1 %2F", Date.now());
  await open(page, `${server.url}/c/${encodeURIComponent("case/1 %2F")}`, "conversation");
  const { conversation: state, arrivals } = await server.get(`/api/v1/conversations/-?id=${encodeURIComponent("case/1 %2F")}`);
  expect(state).toMatchObject({ status: "open", reopens: 1, messages_after_close: 1 });
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Björn Jansen");
  await expect(page.locator(".who")).toContainText(/waits 1[01]m \d\ds/);
  await expect(page).toHaveTitle(/^Björn Jansen, waits 1[01]m - convofold$/);
  const facts = page.locator("[data-panel=state]");
  await expect(facts).toContainText(`${state.messages_in} in, ${state.messages_out} out`);
  await expect(facts).toContainText(`${arrivals.events + arrivals.conflicts} events`);
  await expect(facts).toContainText("1 duplicate, 1 late, 1 conflict");
  expect(arrivals).toMatchObject({ duplicates: 1, late: 1, conflicts: 1 });
  const stretches = page.locator("[data-panel=strip] li");
  await expect(stretches).toHaveCount(4);
  expect(await stretches.locator("div > span").allTextContents()).toEqual([" nobody", "Mina Petrov", "closed", "Nora Zieliński"]);
  // The member waits in the first, the second and the last one, and never while it is closed.
  expect(await stretches.evaluateAll((all) => all.map((one) => one.querySelectorAll(".wait").length))).toEqual([1, 1, 0, 1]);
});

test("the transcript marks what is odd about a message, and leads to it", async ({ page, server }) => {
  await post(server, "c-1", Date.now());
  await open(page, `${server.url}/c/c-1?tz=${encodeURIComponent(noon())}`, "conversation");
  const line = (text) => page.locator(".log > li", { hasText: text });
  await expect(page.locator(".log > .day")).toHaveCount(2);
  await expect(line("A photo?")).toContainText("came 2m 00s late");
  await expect(line("thanks")).toContainText("after the close");
  await expect(line("Nobody rang")).toContainText("unread");
  await expect(line("Hello Björn")).toContainText("answered after 46 s");
  await expect(line("reopened")).toContainText("assigned to Nora Zieliński");
  await expect(line("are missing before here")).toContainText("Airship said 3 unread; we hold 0.");
  const versions = page.locator(".versions");
  await versions.getByText("2 versions, this one counts").click();
  await expect(versions.locator("tr", { hasText: "text" })).toContainText("I paid 385");

  await page.getByRole("link", { name: "1 late" }).click();
  await expect(line("A photo?")).toBeFocused();
  await page.getByRole("link", { name: "Show the place" }).click();
  await expect(line("are missing before here")).toBeFocused();
  await page.getByRole("link", { name: /late$/ }).last().click();
  await expect(page.locator("main[data-view=history]")).toBeVisible();
  const row = page.locator("tr", { hasText: "A photo?" });
  await expect(row).toBeFocused();
  await expect(row).toContainText("later");
  await expect(page.locator("tr.is-lost")).toHaveCount(1);
  await expect(page.locator("tr.is-lost")).toContainText(/Does not count; seq \d+ counts/);
  const { history } = await server.get("/api/v1/conversations/c-1/history");
  await expect(page.locator(".events tbody > tr[id]")).toHaveCount(history.length);
});

test("a new message comes in without moving what one reads", async ({ page, server }) => {
  const now = Date.now();
  await server.post([...conversation("c-1", { member: "Ida", opened_ms: now - 60 * MINUTE }), ...Array.from({ length: 60 }, (_, i) => says("c-1", i % 2 ? "out" : "in", now - 50 * MINUTE + i * 1000, `message ${i}`, { source: "helpdesk" }))]);
  await open(page, `${server.url}/c/c-1`, "conversation");
  await expect(page.locator(".log > .said")).toHaveCount(60);
  await page.locator(".who button").focus();
  await page.evaluate(() => scrollTo(0, 300));
  await server.post([says("c-1", "in", now, "the newest", { source: "helpdesk" })]);
  await expect(page.locator(".log > .said").last()).toContainText("the newest");
  await expect(page.locator(".who")).toContainText("waits");
  expect(await page.evaluate(() => scrollY)).toBe(300);
  await expect(page.locator(".who button")).toBeFocused();
  // Who reads the end keeps reading the end.
  await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
  await server.post([answer("c-1", Date.now(), { agent: nora }), close("c-1", Date.now() + 1)]);
  await expect(page.locator(".log > li").last()).toContainText("closed");
  await expect(async () => expect(await page.evaluate(() => Math.abs(innerHeight + scrollY - document.documentElement.scrollHeight))).toBeLessThan(4)).toPass();
  await expect(page.locator("main")).toHaveAttribute("data-seq", String((await server.get("/api/v1/totals")).seq));
});

test("of a long conversation a part is in the page, and any message can be reached", async ({ page, server }) => {
  const now = Date.now();
  await server.post(Array.from({ length: 10_000 }, (_, i) => says("long", i % 3 ? "in" : "out", now - 20_000_000 + i * 1000, `message ${i}`)));
  const lines = page.locator(".log > .said");
  await open(page, `${server.url}/c/long`, "conversation");
  await expect(lines.last()).toContainText("message 9999");
  expect(await lines.count()).toBeLessThanOrEqual(300);
  const first = lines.first();
  const id = await first.getAttribute("id");
  await page.getByRole("button", { name: /earlier/ }).scrollIntoViewIfNeeded();
  const place = () => page.evaluate((name) => document.getElementById(name).getBoundingClientRect().top, id);
  const before = await place();
  await page.getByRole("button", { name: /earlier/ }).click();
  await expect(first).not.toHaveAttribute("id", id);
  expect(Math.abs((await place()) - before)).toBeLessThan(2);
  for (let i = 0; i < 5; i++) await page.getByRole("button", { name: /earlier/ }).click();
  expect(await lines.count()).toBeLessThanOrEqual(900);
  await page.goto(`${server.url}/c/long#seq-17`);
  await expect(page.locator("#seq-17")).toBeFocused();
  await expect(page.locator("#seq-17")).toContainText("message 16");
  expect(await page.locator("*").count()).toBeLessThan(12_000);
});

test("without texts the page says so, and shows the rest", async ({ page, server, watch }) => {
  watch.allow(CONNECTION);
  const floor = server.token("floor", "--role", "read");
  const admin = server.token("admin", "--role", "admin", "--texts");
  await expect(async () => expect((await fetch(`${server.url}/api/v1/totals`)).status).toBe(401)).toPass();
  await server.post(conversation("c-1", { member: "Ida", waits_ms: Date.now() - MINUTE, text: "a secret" }), { token: admin });
  await page.goto(`${server.url}/c/c-1#seq-2`);
  await page.getByLabel(/token/i).fill(floor);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page).toHaveURL(/\/c\/c-1#seq-2$/);
  await expect(page.locator("[data-panel=transcript]")).toContainText("This token may not read texts");
  await expect(page.locator(".log > .said")).toContainText("no text");
  await expect(page.locator(".who")).toContainText("waits 1m");
});

test("what is missing is said, and a first event shows it", async ({ page, server, watch }) => {
  watch.allow(CONNECTION);
  await open(page, `${server.url}/c/c-9`, "conversation");
  await expect(page.getByRole("alert")).toContainText("There is no such conversation.");
  await server.post(conversation("c-9", { member: "Ida", waits_ms: Date.now() - 1000 }));
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Ida");
  await expect(page.getByRole("alert")).toHaveCount(0);
});

test("the server page says where events come from and what was rejected", async ({ page, server }) => {
  await server.post(conversation("c-1", { member: "Ida", tenant: "North", waits_ms: Date.now() - MINUTE }));
  await fetch(`${server.url}/webhooks/airship`, { method: "POST", body: "no JSON" });
  await open(page, `${server.url}/status`, "status");
  await expect(page.locator("[data-panel=upstream]")).toContainText("North");
  await expect(page.locator("[data-panel=rejects]")).toContainText("not JSON at $");
  const { version, database_id: database } = await server.get("/api/v1/status");
  await expect(page.locator("[data-panel=server]")).toContainText(version);
  await expect(page.locator("[data-panel=server]")).toContainText(database);
  await expect(page.locator("[data-panel=sizes]")).toContainText("KiB");
});

test("the day as a table has the numbers of the API", async ({ page, server }) => {
  const now = Date.now();
  // Where it is not about midnight now.
  const zone = new Date(now).getUTCHours() < 12 ? "Asia/Dhaka" : "America/Costa_Rica";
  await server.post([...conversation("c-1", { waits_ms: now - 3000, answered_ms: now - 1000, agent: nora }), ...conversation("c-2", { waits_ms: now - 2000 })]);
  await open(page, `${server.url}/?table=day&tz=${zone}`, "day");
  const rows = page.locator(".day-table tbody tr");
  // The page hears of a new hour within a minute.
  await expect(async () => {
    const day = await server.get(`/api/v1/day?tz=${zone}`);
    expect(await rows.count()).toBe(Math.ceil((day.now - day.from) / 3_600_000));
    const place = day.answers.findLastIndex(({ n }) => n > 0);
    expect((await rows.nth(place).locator("td").allTextContents()).slice(4)).toEqual(["1", "2 s", "2 s", "2 s"]);
  }).toPass({ timeout: 20_000 });
  await page.getByRole("link", { name: "every 5 minutes" }).click();
  await expect(async () => expect(await rows.count()).toBe((await server.get(`/api/v1/day?tz=${zone}`)).open.length)).toPass({ timeout: 20_000 });
});
