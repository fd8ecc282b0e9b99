// The slider and the board of a moment: their numbers equal `convofold export` at that moment, while events come in.

import AxeBuilder from "@axe-core/playwright";

import { Feeder } from "./fixtures/feeder.js";
import { close, conversation } from "./fixtures/life.js";
import { generate, piecewise, retime, timeOf } from "./fixtures/log.js";
import { convofold } from "./fixtures/server.js";
import { badge, CONNECTION, expect, number, open, shown, test } from "./fixtures/test.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const BEFORE = 3_000;
const RATE = 40;

/** A zone in which it is early afternoon now, so that the hours before now are of one day. */
function zone() {
  const hours = 14 - new Date().getUTCHours();
  // The sign in these names is the other way round.
  return `Etc/GMT${hours > 0 ? "-" : "+"}${Math.abs(hours)}`;
}

/** Some hours of Airship and SuperOffice until now, out of order, then `RATE` events a second. */
function log(seed) {
  const lines = generate({ events: BEFORE + 6_000, seed, "in-flight": 80, agents: 12, tenants: 3, shuffle: 40 });
  const now = Date.now();
  const last = now + ((lines.length - BEFORE) * 1000) / RATE;
  const times = lines.map(timeOf).sort((a, b) => a - b);
  const map = piecewise([[times[0], now - 4 * HOUR], [times[BEFORE], now], [times.at(-1), last]]);
  const retimed = lines.map((line) => retime(line, map));
  let at = BEFORE;
  return { before: retimed.slice(0, BEFORE), next: (n) => retimed.slice(at, (at += n)) };
}

/** What the command says about all conversations at a moment. */
function exported(server, ...moment) {
  const states = convofold("export", "--db", server.db, ...moment).trimEnd().split("\n").filter(Boolean).map((line) => JSON.parse(line));
  const all = states.filter(({ status }) => status === "open");
  const count = (wants) => all.filter(wants).length;
  return {
    open: all.length,
    waiting: count((state) => state.waiting_since !== null),
    unassigned: count(({ agent }) => agent === null),
    unread: all.reduce((sum, { unread }) => sum + unread, 0),
    suspect: count(({ suspect }) => suspect.length > 0),
  };
}

/** The head numbers of the page, and the moment that they are of. */
async function head(page) {
  const { numbers } = await shown(page);
  const moment = await page.locator("main").getAttribute("data-moment");
  const found = Object.fromEntries(["open", "waiting", "unassigned", "unread", "suspect"].map((name) => [name, number(numbers[name])]));
  return { found, moment: moment === null ? null : Number(moment) };
}

/** Compares the page with the command. A late event can come between the two, so it is tried again. */
async function expectEqual(page, server, option) {
  const name = option.slice(2).replace("-", "_");
  await expect(async () => {
    const asked = new URL(page.url()).searchParams.get(name);
    const { found, moment } = await head(page);
    if (option === "--as-of") expect(moment).toBe(Date.parse(asked));
    else expect(moment).toBeLessThanOrEqual(Date.parse(asked));
    expect(found, asked).toEqual(exported(server, option, asked));
  }).toPass({ timeout: 30_000 });
}

const chosen = (page) => new URL(page.url()).searchParams.get("as_of");
const slider = (page) => page.getByRole("slider", { name: "Moment to show" });

test("by mouse and by keyboard, the numbers are those of the export at the moment, while events come in", async ({ page, server }) => {
  test.setTimeout(180_000);
  const events = log(3);
  await server.post(events.before);
  await open(page, `${server.url}/?tz=${encodeURIComponent(zone())}`);
  const feeder = new Feeder(server, events.next, { rate: RATE, every_ms: 1_000 }).start();

  await page.getByRole("button", { name: "Look back" }).click();
  await expect(slider(page)).toBeFocused();
  await expect(badge(page)).toHaveAttribute("data-badge", /live|quiet/);
  // The thumb is dragged with the mouse.
  const { x, y, width, height } = await slider(page).boundingBox();
  const [value, max] = await slider(page).evaluate((input) => [Number(input.value), Number(input.max)]);
  const place = (minutes) => x + 8 + (minutes / max) * (width - 16);
  await page.mouse.move(place(value), y + height / 2);
  await page.mouse.down();
  for (let i = 1; i <= 10; i++) await page.mouse.move(place(value - i * 9), y + height / 2);
  await page.mouse.up();
  await expect(badge(page)).toHaveAttribute("data-badge", "past");
  await expect(page.locator("[data-notice=past]")).toContainText(/AS OF \d\d:\d\d:00.*corrected by what we learned since/);
  // The page shows moments on the way there, too.
  await expect.poll(() => Math.abs(Date.now() - Date.parse(chosen(page)) - 90 * MINUTE)).toBeLessThan(4 * MINUTE);
  await expectEqual(page, server, "--as-of");

  // With the keys of the page, and with those of the slider.
  for (const [keys, minutes] of [["[", -1], ["{{", -10], ["]", 1], ["}", 5]]) {
    const before = Date.parse(chosen(page));
    for (const key of keys) await page.keyboard.press(key);
    await expect.poll(() => Date.parse(chosen(page)) - before).toBe(minutes * MINUTE);
    await expectEqual(page, server, "--as-of");
  }
  const before = Date.parse(chosen(page));
  await slider(page).press("ArrowLeft");
  await expect.poll(() => Date.parse(chosen(page)) - before).toBe(-MINUTE);
  await expectEqual(page, server, "--as-of");
  // A click on the lines.
  const lines = await page.locator(".dock svg[role=img]").first().boundingBox();
  await page.mouse.click(lines.x + (lines.width * (value - 30)) / max, lines.y + lines.height / 2);
  await expect.poll(() => Math.abs(Date.now() - Date.parse(chosen(page)) - 30 * MINUTE)).toBeLessThan(4 * MINUTE);
  await expectEqual(page, server, "--as-of");

  // The thumb cannot pass now, and there the page is live again.
  await slider(page).press("End");
  await expect(badge(page)).toHaveAttribute("data-badge", /live|quiet/);
  expect(await slider(page).evaluate((input) => Number(input.value))).toBeLessThan(value + 10);
  await page.keyboard.press("[");
  await expect(badge(page)).toHaveAttribute("data-badge", "past");
  await page.keyboard.press("Escape");
  await expect(badge(page)).toHaveAttribute("data-badge", /live|quiet/);
  await expect(slider(page)).toHaveCount(0);
  await expect(page.getByRole("button", { name: "Look back" })).toBeFocused();
  expect([...new URL(page.url()).searchParams]).toEqual([["tz", zone()]]);
  await feeder.stop();
});

test("what this screen showed then does not change, whatever comes later", async ({ page, server }) => {
  const events = log(5);
  for (let at = 0; at < BEFORE; at += 500) {
    await server.post(events.before.slice(at, at + 500));
    await new Promise((resolve) => setTimeout(resolve, 400));
  }
  const then = new Date(Date.now() - 1_000).toISOString();
  await open(page, `${server.url}/?tz=${encodeURIComponent(zone())}&known_at=${then}`);
  await expect(page.getByRole("radio", { name: /as this screen showed it then/ })).toBeChecked();
  await expect(page.locator("[data-notice=past]")).toContainText("as this screen showed it then, after seq");
  await expectEqual(page, server, "--known-at");
  const before = await head(page);
  await server.post(events.next(500));
  await page.waitForTimeout(2_500);
  expect(await head(page)).toEqual(before);
  await page.getByRole("radio", { name: /corrected by what we learned since/ }).check();
  await expect.poll(() => chosen(page)).not.toBe(null);
  await expectEqual(page, server, "--as-of");
});

/** Ada waits since an hour; Bea waited and was closed half an hour ago; Cleo began ten minutes ago. */
async function post(server, now) {
  await server.post([
    ...conversation("a", { member: "Ada", waits_ms: now - 60 * MINUTE, agent: { id: "nora", name: "Nora" } }),
    ...conversation("b", { member: "Bea", waits_ms: now - 50 * MINUTE }),
    close("b", now - 30 * MINUTE),
    ...conversation("c", { member: "Cleo", waits_ms: now - 10 * MINUTE }),
  ]);
}

const iso = (ms) => new Date(ms).toISOString();

test("an address leads to its moment, its links stay there, and Back and Escape lead out of it", async ({ page, server }) => {
  const now = Date.now();
  await post(server, now);
  await open(page, server.url);
  expect((await shown(page)).waits).toEqual(["a", "c"]);
  await page.goto(`${server.url}/?as_of=${iso(now - 40 * MINUTE)}`);
  await expect.poll(async () => (await shown(page)).waits).toEqual(["a", "b"]);
  await expect(page).toHaveTitle(/^\(as of \d\d:\d\d\) convofold$/);
  // Ages count to the moment, and stand still.
  const age = page.locator("[data-panel=waits] [data-id=a] time").first();
  await expect(age).toHaveText("20m 00s");
  await page.waitForTimeout(2_100);
  await expect(age).toHaveText("20m 00s");
  await page.locator("a:has([data-number=waiting])").click();
  await expect(page).toHaveURL(/as_of=/);
  await expect.poll(async () => (await shown(page)).waits).toEqual(["a", "b"]);
  await page.locator("a:has([data-number=open])").click();
  await expect(page.locator("[data-panel=list] [data-id]")).toHaveCount(2);
  await page.locator("[data-panel=list] [data-id=b] .row-link").click();
  await expect(page.locator("main[data-view=conversation]")).toBeVisible();
  await expect(page.locator(".who")).toContainText("waits 10m 00s");
  await expect(page.locator(".log > li", { hasText: "closed" })).toHaveCount(0);
  await expect(badge(page)).toHaveAttribute("data-badge", "past");
  await page.getByRole("link", { name: "Every event" }).click();
  await expect(page.locator(".events tbody > tr[id]")).toHaveCount(2);
  await page.goBack();
  await page.keyboard.press("Escape");
  await expect(page.locator(".log > li", { hasText: "closed" })).toHaveCount(1);
  expect(await page.evaluate(() => document.documentElement.dataset.past)).toBe(undefined);
  await page.keyboard.press("u");
  await expect(page).not.toHaveURL(/as_of/);
  await expect(page.locator("[data-panel=list] [data-id]")).toHaveCount(2);

  await open(page, server.url);
  await page.keyboard.press("t");
  await page.keyboard.press("{");
  await expect(page).toHaveURL(/as_of=/);
  await page.keyboard.press("[");
  await page.goBack();
  await expect(page).not.toHaveURL(/as_of=/);
  await expect(page.locator("main")).not.toHaveAttribute("data-moment");
});

test("a late event corrects what was, and changes nothing of what was known", async ({ page, server }) => {
  const now = Date.now();
  await post(server, now);
  await new Promise((resolve) => setTimeout(resolve, 1_100));
  const known = Date.now();
  await open(page, `${server.url}/?as_of=${iso(now - 45 * MINUTE)}`);
  await expect.poll(async () => (await shown(page)).waits).toEqual(["a", "b"]);
  await server.post(conversation("d", { member: "Dora", waits_ms: now - 55 * MINUTE }));
  await expect.poll(async () => (await shown(page)).waits).toEqual(["a", "d", "b"]);
  await page.goto(`${server.url}/?as_of=${iso(now - 45 * MINUTE)}&known_at=${iso(known)}`);
  await expect.poll(async () => (await shown(page)).waits).toEqual(["a", "b"]);
  await page.goto(`${server.url}/c/a?known_at=seq:1`);
  await expect(page.locator("[data-notice=past]")).toContainText("of that time");
});

test("a moment without an answer says why, and what to do", async ({ page, server, watch }) => {
  watch.allow(CONNECTION);
  const now = Date.now();
  await post(server, now);
  const notice = page.locator("[data-notice=past]");
  await page.goto(`${server.url}/?known_at=${iso(now - HOUR)}`);
  await expect(notice).toContainText(/What this screen showed at \d\d:\d\d.* is not recorded\. Marks begin on .* at \d\d:\d\d:\d\d; before that ask by sequence number, as seq:1\./);
  await page.goto(`${server.url}/?as_of=${iso(now - 2 * HOUR)}`);
  await expect(notice).toContainText(/Nothing had happened by .*\. The first event was on/);
  await page.goto(`${server.url}/?as_of=yesterday`);
  await expect(notice).toContainText("There is no answer about this moment: as_of: expected a time with a zone");
  await notice.getByRole("button", { name: "Back to live" }).click();
  await expect.poll(async () => (await shown(page)).waits).toEqual(["a", "c"]);
  await page.goto(`${server.url}/c/c?as_of=${iso(now - 20 * MINUTE)}`);
  await expect(page.getByRole("alert")).toContainText("did not exist at this moment");
});

test("axe finds nothing in the past", async ({ page, server }) => {
  const now = Date.now();
  await post(server, now);
  const violations = async () => (await new AxeBuilder({ page }).analyze()).violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join("\n  ")}`);
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    for (const [view, path] of [["board", "/?"], ["board", "/?status=open&"], ["conversation", "/c/a?"], ["history", "/c/a/history?"]]) {
      await page.goto(`${server.url}${path}as_of=${iso(now - 40 * MINUTE)}`);
      await page.locator(`main[data-view=${view}][data-seq]`).waitFor();
      await page.waitForTimeout(300);
      expect(await violations(), path).toEqual([]);
    }
    for (const width of [320, 700, 1024, 1440]) {
      await page.setViewportSize({ width, height: 800 });
      await page.goto(`${server.url}/?as_of=${iso(now - 40 * MINUTE)}`);
      await page.locator("main[data-view=board][data-seq]").waitFor();
      expect(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth), `at ${width}`).toBeLessThanOrEqual(0);
    }
    await page.setViewportSize({ width: 1440, height: 900 });
  }
});

test("why? names the rule, what decides and what does not, and leads to the events", async ({ page, server }) => {
  const now = Date.now();
  await post(server, now);
  await server.post([{ ...conversation("b", { waits_ms: now - 5 * MINUTE, text: "again" })[1] }]);
  await open(page, `${server.url}/c/b`, "conversation");
  const fields = page.locator(".facts > div");
  const status = fields.filter({ has: page.locator("dt", { hasText: /^status$/ }) });
  await status.getByText("why?").click();
  const why = page.locator("[data-why]");
  const [explained] = (await server.get("/api/v1/conversations/b/explain?field=status")).fields;
  await expect(why).toContainText(`status is ${explained.value}.`);
  await expect(why).toContainText(`(rule ${explained.rule})`);
  for (const [role, events] of [["decides", explained.because], ["outdone", explained.over], ["no say", explained.not]]) {
    await expect(why.locator("li", { hasText: role })).toHaveCount(events.length);
    for (const { seq } of events) await expect(why.locator("li", { hasText: role }).getByRole("link", { name: `seq ${seq}`, exact: true })).toHaveCount(1);
  }
  await expect(why).toContainText(`would be: ${explained.without}.`);
  expect((await new AxeBuilder({ page }).analyze()).violations.map(({ id }) => id)).toEqual([]);
  // One is open at a time, and Escape closes it and gives the focus back.
  await fields.filter({ has: page.locator("dt", { hasText: /^messages$/ }) }).getByText("why?").click();
  await expect(why).toHaveCount(1);
  await expect(why.locator("section")).toHaveCount(3);
  await page.keyboard.press("Escape");
  await expect(why).toHaveCount(0);
  await expect(page.locator(".why summary:focus")).toHaveCount(1);
  await page.keyboard.press("w");
  await expect(why).toContainText("messages_in is 2.");
  // What is open follows the conversation.
  await server.post([{ ...conversation("b", { waits_ms: now - MINUTE, text: "and again" })[1] }]);
  await expect(why).toContainText("messages_in is 3.");
  await page.goto(`${server.url}/c/b?as_of=${iso(now - 40 * MINUTE)}`);
  await page.locator("main[data-seq]").waitFor();
  await page.keyboard.press("w");
  await expect(why).toContainText("status is open.");
  await why.getByRole("link", { name: /seq/ }).first().click();
  await expect(page.locator("main[data-view=history]")).toBeVisible();
  await expect(page).toHaveURL(/history\?as_of=.*#seq-\d+$/);
  await expect(page.locator(".events .here")).toBeFocused();
});
