// Reports: the numbers are those of the server, and each leads to what it counts.

import { readFileSync } from "node:fs";

import AxeBuilder from "@axe-core/playwright";

import { answer, close, conversation } from "./fixtures/life.js";
import { convofold } from "./fixtures/server.js";
import { CONNECTION, expect, number, open, test } from "./fixtures/test.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const NORA = { id: "nora", name: "Nora Zieliński" };
const OLA = { id: "ola", name: "Ola Nordmann" };

/** Midnight in UTC some days ago. */
const daysAgo = (n) => Math.floor(Date.now() / DAY) * DAY - n * DAY;
const date = (at) => new Date(at).toISOString().slice(0, 10);

/** Two answered questions of Nora, one of Ola that was closed without an answer, and one that still waits. */
function log() {
  const [first, second, third] = [daysAgo(3), daysAgo(2), daysAgo(1)];
  const at = (day, hour, minute = 0) => day + hour * HOUR + minute * MINUTE;
  return [
    ...conversation("a", { tenant: "Care", agent: NORA, member: "Ada", waits_ms: at(first, 9) }),
    answer("a", at(first, 9, 3), { tenant: "Care", agent: NORA }),
    close("a", at(first, 10), { tenant: "Care" }),
    ...conversation("b", { tenant: "Care", agent: NORA, member: "Bea", waits_ms: at(first, 9, 10) }),
    answer("b", at(first, 9, 20), { tenant: "Care", agent: NORA }),
    ...conversation("c", { tenant: "Sales", agent: OLA, member: "Cleo", waits_ms: at(second, 12) }),
    close("c", at(second, 13), { tenant: "Sales" }),
    ...conversation("d", { tenant: "Sales", member: "Dora", waits_ms: at(third, 8) }),
  ];
}

/** The three days of the log. */
const bounds = () => `from=${date(daysAgo(3))}&to=${date(daysAgo(0))}&tz=UTC`;
const path = (more = "") => `/report?${bounds()}${more}`;
const table = (page) => page.locator("[data-panel=numbers]");

/** Opens an address and waits for its numbers. */
async function openReport(page, server, address) {
  await page.goto(server.url + address);
  await computed(page);
}

async function computed(page) {
  await expect(page.locator("main[data-view=report][data-question]:not([aria-busy])")).toBeAttached();
}

/** The cells of a row: names and texts. */
const cellsOf = (row) => row.locator("td[data-number]").evaluateAll((cells) => Object.fromEntries(cells.map((cell) => [cell.dataset.number, cell.textContent.replace("none", "").trim()])));

/** A number of an answer, as the page writes it. */
function written(measure, part, value) {
  const found = part === undefined ? value : value[part];
  if (found === null) return "–";
  const isTime = ["customer_wait", "agent_wait", "handling", "oldest_waiting"].includes(measure) || ["p50", "p90"].includes(part);
  if (!isTime) return part === "share" ? `${Math.round(found * 100)}%` : found.toLocaleString("en");
  const [s, m, h] = [Math.floor(found / 1000), Math.floor(found / MINUTE), Math.floor(found / HOUR)];
  const two = (n) => String(n).padStart(2, "0");
  if (s < 60) return `${s} s`;
  if (h < 1) return `${m}m ${two(s % 60)}s`;
  return h < 24 ? `${h}h ${two(m % 60)}m` : `${Math.floor(h / 24)}d ${two(h % 24)}h`;
}

/** Compares the cells of a row with a row of an answer. */
async function expectRow(row, values) {
  const cells = await cellsOf(row);
  expect(Object.keys(cells).length).toBeGreaterThan(0);
  for (const [name, found] of Object.entries(cells)) {
    const [measure, part] = name.split(".");
    expect(found, name).toBe(written(measure, part, values[measure]));
  }
}

test("the board leads to the report of the last days, whose numbers are those of the server", async ({ page, server }) => {
  await server.post(log());
  await open(page, `${server.url}/?tz=UTC`);
  await page.getByRole("link", { name: "Reports" }).click();
  await computed(page);
  const address = new URL(page.url());
  expect([address.pathname, address.searchParams.get("from"), address.searchParams.get("to"), address.searchParams.get("every"), address.searchParams.get("tz")]).toEqual(["/report", date(daysAgo(6)), date(daysAgo(-1)), "1d", "UTC"]);
  await openReport(page, server, path("&every=1d&by=agent&measure=all,within:5m"));
  const rows = (await server.get(`/api/v1/report?${bounds()}&every=1d&by=agent&measure=all,within:5m`)).rows;
  await expect(page.getByText(/^Measures: 28$/)).toBeVisible();
  await expect(table(page).locator("tbody tr")).toHaveCount(rows.length);
  for (const [i, row] of rows.entries()) await expectRow(table(page).locator("tbody tr").nth(i), row);
  const [total] = (await server.get(`/api/v1/report?${bounds()}&measure=all,within:5m`)).rows;
  await expectRow(table(page).locator("[data-row=total]"), total);
  // The median of all is not that of the medians, and what waits is pending.
  expect(total.response).toMatchObject({ n: 2, p50: 3 * MINUTE, p90: 10 * MINUTE, pending: 1 });
  await expect(table(page).locator("[data-row=total] [data-number='response.pending']")).toHaveText("1");
  await expect(table(page).locator("tbody tr", { hasText: "Ola" }).locator("[data-number='response.p50']").first()).toContainText("–");
});

test("each measure has a chart with its name, its numbers in words and a table", async ({ page, server }) => {
  await server.post(log());
  await openReport(page, server, path("&every=1d&by=tenant"));
  const chart = page.locator("[data-chart=messages_in]");
  await expect(page.locator("[data-chart]")).toHaveCount(9);
  await expect(chart.getByRole("img", { name: "Messages in" })).toHaveAccessibleName(/Messages in From .* The most is 2/);
  await chart.getByText("As a table").click();
  await expect(chart.locator("tbody tr")).toHaveCount(3);
  await expect(chart.locator("tbody td")).toHaveText(["2", "1", "1"]);
  await chart.getByText("By tenant").click();
  await expect(chart.getByRole("img", { name: /Messages in, (Care|Sales)/ })).toHaveCount(2);
  // Without buckets there is nothing over time.
  await page.getByLabel("Every").selectOption("the whole time");
  await expect(page.locator("[data-chart]")).toHaveCount(0);
  await expect(table(page).locator("tbody tr")).toHaveCount(2);
});

test("a column sorts the rows, the largest first, and the address keeps the order", async ({ page, server }) => {
  await server.post(log());
  await openReport(page, server, path("&by=agent"));
  const names = () => table(page).locator("tbody th").allTextContents();
  const sort = table(page).getByRole("button", { name: "Messages in", exact: true });
  await sort.click();
  await expect(page).toHaveURL(/sort=-messages_in/);
  await expect.poll(async () => (await names())[0]).toMatch(/Nora/);
  await expect(table(page).locator("[aria-sort]")).toHaveAttribute("aria-sort", "descending");
  await sort.click();
  await expect.poll(async () => (await names()).at(-1)).toMatch(/Nora/);
  await expect(sort).toBeFocused();
  await table(page).getByRole("button", { name: "Response, half within" }).first().click();
  await expect.poll(async () => (await names())[0]).toMatch(/Nora/);
  const shown = await names();
  await page.reload();
  await computed(page);
  expect(await names()).toEqual(shown);
});

test("every number opens a list that counts as many as it says", async ({ page, server }) => {
  test.setTimeout(180_000);
  await server.post(log());
  await openReport(page, server, path("&every=1d&by=agent&measure=all,within:5m"));
  const links = await table(page).locator("td[data-number] a").evaluateAll((all) => all.map((link) => ({ href: link.getAttribute("href"), text: link.textContent, name: link.closest("td").dataset.number })));
  expect(links.length).toBeGreaterThan(60);
  // Each of them once, in the whole report: the address alone says what is opened.
  const once = new Map(links.map((link) => [link.name, link]));
  for (const { href, text, name } of once.values()) {
    await openReport(page, server, href);
    const panel = page.locator("[data-panel=behind][data-count]");
    await expect(panel.locator("[role=status]"), `${name} ${text}`).toContainText("as the number says");
    const [measure, part] = name.split(".");
    const isCount = part === undefined ? !["oldest_waiting", "unread", "customer_wait", "agent_wait", "handling"].includes(measure) : ["n", "pending", "met", "missed", "end"].includes(part) && measure !== "unread";
    const listed = await panel.locator("tbody [data-id]").count();
    expect(Number(await panel.getAttribute("data-count")), name).toBe(listed);
    if (isCount) expect(listed, name).toBe(number(text));
    else expect(listed, name).toBeGreaterThan(0);
  }
});

test("a number opens the turns behind it, each with its conversation of then", async ({ page, server }) => {
  await server.post(log());
  await openReport(page, server, path("&every=1d&by=agent"));
  const cell = table(page).locator("tbody tr", { hasText: "Nora" }).first().locator("[data-number='response.n'] a");
  await expect(cell).toHaveText("2");
  await cell.click();
  const panel = page.locator("[data-panel=behind]");
  await expect(panel).toContainText("Nora Zieliński");
  await expect(panel.locator("tbody [data-id]")).toHaveCount(2);
  await expect(panel.locator("[data-id=a]")).toContainText("3m 00s");
  await expect(panel.getByRole("heading")).toBeFocused();
  await expect(table(page)).toBeHidden();
  const answered = daysAgo(3) + 9 * HOUR + 3 * MINUTE;
  await panel.locator("[data-id=a] a").click();
  await expect(page.locator("main[data-view=conversation][data-seq]")).toBeVisible();
  expect(new URL(page.url()).searchParams.get("as_of")).toBe(new Date(answered).toISOString());
  await expect(page.locator(".facts")).toContainText("1 in, 1 out");
  await page.goBack();
  await expect(panel.locator("tbody [data-id]")).toHaveCount(2);
  await page.goBack();
  await expect(table(page)).toBeVisible();
});

test("a number that changed meanwhile is said", async ({ page, server }) => {
  await server.post(log());
  await openReport(page, server, path("&every=1d"));
  await server.post(conversation("late", { tenant: "Care", waits_ms: daysAgo(3) + 8 * HOUR }));
  await table(page).locator("tbody tr").first().locator("[data-number=started] a").click();
  const status = page.locator("[data-panel=behind] [role=status]");
  await expect(status).toContainText(/3 conversations\. The report that was computed at .* says 2/);
  await page.keyboard.press("r");
  await expect(status).toContainText("3 conversations; as the number says");
});

test("an address is a report: the form, Back and another screen agree", async ({ page, server, context }) => {
  await server.post(log());
  await openReport(page, server, path("&every=1d"));
  await page.getByRole("checkbox", { name: "tenant", exact: true }).check();
  await expect(page).toHaveURL(/by=tenant/);
  await computed(page);
  await page.getByText(/^Measures: 9$/).click();
  await page.getByRole("checkbox", { name: "Handling" }).check();
  await page.getByRole("checkbox", { name: "Answered within 5 minutes" }).check();
  await page.getByRole("button", { name: "Apply" }).click();
  await expect(page).toHaveURL(/measure=.*handling.*within:5m/);
  await expect(table(page).locator("[data-row=total] [data-number=handling]")).toBeVisible();
  await page.getByLabel("To, with that day").fill(date(daysAgo(2)));
  await page.getByLabel("To, with that day").blur();
  await expect(page).toHaveURL(new RegExp(`to=${date(daysAgo(1))}`));
  await computed(page);
  const texts = await table(page).locator("tr").allTextContents();
  const other = await context.newPage();
  await openReport(other, server, page.url().slice(server.url.length));
  expect(await table(other).locator("tr").allTextContents()).toEqual(texts);
  await expect(other.getByRole("checkbox", { name: "tenant", exact: true })).toBeChecked();
  await expect(other.getByLabel("To, with that day")).toHaveValue(date(daysAgo(2)));
  await expect(other.getByText(/^Measures: 11$/)).toBeVisible();
  await page.goBack();
  await expect(page.getByLabel("To, with that day")).toHaveValue(date(daysAgo(1)));
  await page.goBack();
  await expect(page.getByText(/^Measures: 9$/)).toBeVisible();
  await page.goBack();
  await expect(page.getByRole("checkbox", { name: "tenant", exact: true })).not.toBeChecked();
});

test("a period is a choice, in the zone of the reader", async ({ page, server }) => {
  await server.post(log());
  await openReport(page, server, "/report?tz=UTC");
  const period = page.getByLabel("Period");
  for (const [name, from, to] of [["Yesterday", 1, 0], ["Last 30 days", 29, -1]]) {
    await period.selectOption(name);
    await expect(page).toHaveURL(new RegExp(`from=${date(daysAgo(from))}&to=${date(daysAgo(to))}`));
    await expect(period).toHaveValue(/yesterday|last30Days/);
  }
  await page.goto(`${server.url}/report?from=-3d&every=1d&tz=UTC`);
  await computed(page);
  await expect(page.getByLabel("From", { exact: true })).toHaveValue(date(daysAgo(3)));
});

test("a report as known before is framed, and lacks what was learned later", async ({ page, server }) => {
  await server.post(log());
  await server.post(conversation("late", { tenant: "Care", waits_ms: daysAgo(3) + 8 * HOUR }));
  const { seq } = await server.get("/api/v1/totals");
  await openReport(page, server, path("&every=1d"));
  const started = table(page).locator("[data-row=total] [data-number=started]");
  await expect(started).toHaveText("5");
  await openReport(page, server, path(`&every=1d&known_at=seq:${seq - 2}`));
  await expect(started).toHaveText("4");
  await expect(page.locator("[data-badge=past]")).toBeVisible();
  await expect(page.locator("html")).toHaveAttribute("data-past", "");
  await started.getByRole("link").click();
  await expect(page.locator("[data-panel=behind] [data-id]")).toHaveCount(4);
  await expect(page.locator("[data-panel=behind] [data-id=a] a")).toHaveAttribute("href", /as_of=.*&known_at=seq/);
  await page.keyboard.press("Escape");
  await expect(table(page)).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(started).toHaveText("5");
  await expect(page).toHaveURL(new RegExp(`/report\\?${bounds()}&every=1d$`));
  await expect(page.locator("html")).not.toHaveAttribute("data-past", "");
});

test("a token of one tenant gets a report of that tenant", async ({ page, server, watch }) => {
  watch.allow(CONNECTION);
  const token = server.token("sales", "--role", "read", "--tenant", "Sales");
  const admin = server.token("admin", "--role", "admin", "--texts");
  await expect(async () => expect((await fetch(`${server.url}/api/v1/totals`)).status).toBe(401)).toPass();
  await server.post(log(), { token: admin });
  const bodies = [];
  page.on("response", async (response) => bodies.push(await response.text().catch(() => "")));
  await page.goto(server.url + path("&every=1d&by=agent,tenant"));
  await page.getByLabel(/token/i).fill(token);
  await page.getByRole("button", { name: /sign in/i }).click();
  await computed(page);
  await expect(table(page).locator("[data-row=total] [data-number=started]")).toHaveText("2");
  await table(page).locator("[data-row=total] [data-number=messages_in] a").click();
  await expect(page.locator("[data-panel=behind] [data-id]")).toHaveCount(2);
  expect(await page.content()).not.toMatch(/Care|Nora/);
  expect(bodies.filter((body) => body.includes('"rows"')).length).toBeGreaterThan(0);
  expect(bodies.filter((body) => body.includes('"rows"') && /Care|Nora/.test(body))).toEqual([]);
});

test("a time in which nothing happened says so", async ({ page, server }) => {
  await server.post(log());
  await openReport(page, server, `/report?from=${date(daysAgo(30))}&to=${date(daysAgo(20))}&every=1d&by=agent&tz=UTC`);
  await expect(page.locator("[data-panel=empty]")).toHaveText("Nothing happened in this time.");
  await expect(table(page)).toHaveCount(0);
});

test("what the server refuses is said in its words, and what was shown stays", async ({ page, server, watch }) => {
  watch.allow(CONNECTION);
  await server.post(log());
  await openReport(page, server, path("&every=1d"));
  const refused = path("&every=7x");
  await page.evaluate((url) => {
    const link = Object.assign(document.createElement("a"), { href: url, textContent: "x" });
    document.body.append(link);
    link.click();
    link.remove();
  }, refused);
  await expect(page.getByRole("alert")).toContainText(/could not be computed\. The server said: .*every.* What is shown was computed before\./);
  await expect(table(page)).toBeVisible();
  await page.goto(server.url + refused);
  await expect(page.getByRole("alert")).toContainText(/The server said: .*every/);
  await page.getByLabel("Every").selectOption("day");
  await expect(table(page)).toBeVisible();
  await expect(page.getByRole("alert")).toHaveCount(0);
});

test("a long computation is said, and nothing is asked again by itself", async ({ page, server }) => {
  await server.post(log());
  const asked = [];
  let release;
  const held = new Promise((resolve) => (release = resolve));
  await page.route("**/api/v1/report?*", async (route) => {
    asked.push(route.request().url());
    await held;
    await route.continue();
  });
  await page.goto(server.url + path("&every=1d"));
  await expect(page.locator("[data-badge=computing]")).toContainText(/Computing for [2-9] s/);
  release();
  await expect(table(page)).toBeVisible();
  await expect(page.locator("[data-badge=answered]")).toContainText(/computed at \d\d:\d\d:\d\d/);
  const before = asked.length;
  expect(before).toBe(2);
  await server.post(conversation("more", { tenant: "Care", waits_ms: daysAgo(2) }));
  await page.waitForTimeout(3_000);
  expect(asked.length).toBe(before);
  await page.getByRole("button", { name: "Refresh" }).click();
  await expect(table(page).locator("[data-row=total] [data-number=started]")).toHaveText("5");
});

test("the keyboard alone is enough", async ({ page, server }) => {
  await server.post(log());
  await open(page, `${server.url}/?tz=UTC`);
  for (const key of ["g", "r"]) await page.keyboard.press(key);
  await expect(page).toHaveURL(/\/report\?/);
  await openReport(page, server, path("&by=agent"));
  const focused = () => page.evaluate(() => document.activeElement.closest("td")?.dataset.number ?? null);
  await page.keyboard.press("j");
  const first = await focused();
  expect(first).not.toBeNull();
  await page.keyboard.press("ArrowRight");
  expect(await focused()).not.toBe(first);
  await page.keyboard.press("ArrowLeft");
  expect(await focused()).toBe(first);
  await page.keyboard.press("Enter");
  const panel = page.locator("[data-panel=behind][data-count]");
  await expect(panel).toBeVisible();
  await page.keyboard.press("j");
  await expect(panel.locator("[data-id] a").first()).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(table(page)).toBeVisible();
  await expect.poll(focused).toBe(first);
  // The tab key stops once a row, besides the heads.
  const stops = await table(page).locator("tbody a:not([tabindex='-1'])").count();
  expect(stops).toBeLessThanOrEqual(await table(page).locator("tbody tr").count());
  await page.keyboard.press("f");
  await expect(page.getByLabel("Period")).toBeFocused();
  await page.getByText(/^Measures/).click();
  await expect(page.getByRole("button", { name: "Apply" })).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("button", { name: "Apply" })).toBeHidden();
  await page.keyboard.press("u");
  await expect(page.locator("main[data-view=board]")).toBeVisible();
});

test("axe finds nothing, and no report is wider than its screen", async ({ page, server }) => {
  test.setTimeout(180_000);
  await server.post(log());
  const violations = async () => (await new AxeBuilder({ page }).analyze()).violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join("\n  ")}`);
  const views = [path("&every=1d&by=agent&measure=all,within:5m&sort=-started"), path("&every=1d&rows=started"), path(), `${path("&every=1d")}&known_at=-1h`, `/report?from=${date(daysAgo(30))}&to=${date(daysAgo(20))}&tz=UTC`];
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    for (const view of views.filter((view) => !view.includes("known_at"))) {
      await openReport(page, server, view);
      expect(await violations(), view).toEqual([]);
    }
    await openReport(page, server, views[0]);
    await page.locator("[data-chart=open] summary").first().click();
    await page.locator("[data-chart=open] summary").last().click();
    await page.getByText(/^Measures/).click();
    expect(await violations(), "open details").toEqual([]);
  }
  for (const view of [views[0], views[1]]) {
    for (const width of [320, 390, 700, 1024, 1440]) {
      await page.setViewportSize({ width, height: 800 });
      await openReport(page, server, view);
      expect(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth), `${view} at ${width}`).toBeLessThanOrEqual(0);
    }
  }
});

test("on a phone the table scrolls under its first column, and a list is lines", async ({ page, server }) => {
  await server.post(log());
  await page.setViewportSize({ width: 390, height: 844 });
  await openReport(page, server, path("&every=1d"));
  const wide = table(page).locator(".wide");
  expect(await wide.evaluate((node) => node.scrollWidth > node.clientWidth)).toBe(true);
  const first = table(page).locator("tbody th").first();
  const before = (await first.boundingBox()).x;
  await wide.evaluate((node) => node.scrollTo(300, 0));
  expect((await first.boundingBox()).x).toBe(before);
  await wide.evaluate((node) => node.scrollTo(0, 0));
  await table(page).locator("[data-row=total] [data-number=started] a").click();
  const row = page.locator("[data-panel=behind] [data-id]").first();
  await expect(row).toBeVisible();
  expect(await row.evaluate((node) => getComputedStyle(node).display)).toBe("flex");
});

test("on paper there are numbers and charts, and no controls", async ({ page, server }) => {
  await server.post(log());
  await openReport(page, server, path("&every=1d"));
  await page.emulateMedia({ media: "print", colorScheme: "dark" });
  await expect(page.locator(".asked")).toBeHidden();
  await expect(page.getByRole("button", { name: "Refresh" })).toBeHidden();
  await expect(page.locator("h1")).toBeVisible();
  await expect(page.locator("[data-chart=open] svg")).toBeVisible();
  await expect(table(page).locator("[data-row=total]")).toBeVisible();
  expect(await page.evaluate(() => getComputedStyle(document.querySelector(".panel")).backgroundColor)).toBe("rgb(255, 255, 255)");
});

test("the report is saved as the CSV of the command, and shown as JSON", async ({ page, server }) => {
  await server.post(log());
  const question = { every: "1d", by: "agent,channel", measure: "all,within:5m" };
  await openReport(page, server, path(`&${new URLSearchParams(question)}`));
  const saving = page.waitForEvent("download");
  await page.getByRole("button", { name: "as CSV" }).click();
  const saved = await saving;
  expect(saved.suggestedFilename()).toBe(`report-${date(daysAgo(3))}-${date(daysAgo(1))}.csv`);
  const asked = Object.entries({ ...question, from: date(daysAgo(3)), to: date(daysAgo(0)), tz: "UTC" }).flatMap(([name, value]) => [`--${name}`, value]);
  expect(readFileSync(await saved.path(), "utf8")).toBe(convofold("report", "--db", server.db, "--format", "csv", ...asked));
  const { rows } = await server.get(await page.getByRole("link", { name: "as JSON" }).getAttribute("href"));
  await expect(table(page).locator("tbody tr")).toHaveCount(rows.length);
});
