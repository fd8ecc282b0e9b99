// The lists behind the numbers: whole, page by page, and what is said if there is nothing to list.

import { answer, conversation } from "./fixtures/life.js";
import { CONNECTION, expect, number, open, shown, test } from "./fixtures/test.js";

const list = (page) => page.locator("[data-panel=list]");
const ids = (page) => list(page).locator("[data-id]").evaluateAll((rows) => rows.map((row) => row.dataset.id));

test("a list of more than 100 is shown page by page, and every conversation once", async ({ page, server }) => {
  const now = Date.now();
  await server.post(Array.from({ length: 230 }, (_, i) => conversation(`c-${i}`, { waits_ms: now - 600_000 + i * 1_000 })).flat());
  await open(page, server.url);
  await expect(page.locator("[data-panel=waits]")).toContainText(/first \d+ of 230 shown/);
  await page.getByRole("link", { name: "show all" }).first().click();
  const all = new Set();
  for (const [part, length] of [["first 100 of 230 shown", 100], ["101 to 200 of 230 shown", 100], ["201 to 230 of 230 shown", 30]]) {
    await expect(list(page)).toContainText(part);
    const rows = await ids(page);
    expect(rows).toHaveLength(length);
    for (const id of rows) all.add(id);
    if (all.size < 230) await list(page).getByRole("link", { name: "next" }).click();
  }
  expect(all.size).toBe(230);
  await page.goBack();
  await expect(list(page)).toContainText("101 to 200 of 230 shown");
  await list(page).getByRole("link", { name: "first" }).click();
  await expect(list(page)).toContainText("first 100 of 230 shown");
});

test("an agent's number leads to the conversations of that agent, and the list follows events", async ({ page, server }) => {
  const now = Date.now();
  const nora = { id: "nora", name: "Nora" };
  await server.post([
    ...conversation("a", { tenant: "Care", agent: nora, waits_ms: now - 60_000 }),
    ...conversation("b", { tenant: "Care", agent: nora, answered_ms: now - 50_000 }),
    ...conversation("c", { tenant: "Sales", agent: nora, waits_ms: now - 40_000 }),
    ...conversation("d", { tenant: "Care", waits_ms: now - 30_000 }),
  ]);
  await open(page, server.url);
  const row = page.locator("[data-agent=nora][data-tenant=Care]");
  const expected = number(await row.locator("[data-cell=open]").textContent());
  await row.getByRole("link").click();
  await expect(list(page)).toContainText("agent Nora");
  await expect.poll(async () => (await ids(page)).toSorted()).toEqual(["a", "b"]);
  expect(expected).toBe(2);
  await page.mouse.move(5, 5);
  await server.post(conversation("e", { tenant: "Care", agent: nora, waits_ms: Date.now() }));
  await expect.poll(async () => (await ids(page)).toSorted()).toEqual(["a", "b", "e"]);
  await expect(page.locator("[data-number=open]")).toHaveText("3");
});

test("the oldest wait leads to the first row of those who wait", async ({ page, server }) => {
  const now = Date.now();
  await server.post([...conversation("a", { waits_ms: now - 60_000 }), ...conversation("b", { waits_ms: now - 90_000 })]);
  await open(page, server.url);
  await page.locator("a:has([data-number=oldest])").click();
  await expect(page.locator("[data-panel=waits] [data-id=b] a")).toBeFocused();
  await page.goto(page.url());
  await expect(page.locator("[data-panel=waits] [data-id=b] a")).toBeFocused();
});

test("nobody waits is said, with the last answer", async ({ page, server }) => {
  await server.post(conversation("a", { member: "Ida", waits_ms: Date.now() - 90_000 }));
  await open(page, server.url);
  await server.post([answer("a", Date.now())]);
  await expect(page.locator("[data-panel=waits]")).toContainText(/Nobody waits\. The last one was answered .* ago, after 1m 3\ds\./);
  await expect(page.locator("[data-number=waiting]")).toHaveText("0");
  await open(page, `${server.url}/wall`, "wall");
  await expect(page.locator("main")).toContainText("Nobody waits");
});

test("a view that the server refuses says why, and leads out", async ({ page, server, watch }) => {
  watch.allow(CONNECTION);
  await server.post(conversation("a", { waits_ms: Date.now() - 90_000 }));
  await page.goto(`${server.url}/?unread_min=many`);
  const notice = page.locator("[data-notice=refused]");
  await expect(notice).toContainText(/The server refused this view: .*unread_min/);
  await notice.getByRole("link", { name: "Clear the filters" }).click();
  await expect(page.locator("[data-number=open]")).toHaveText("1");
  expect((await shown(page)).waits).toEqual(["a"]);
});

test("the way back from a conversation leads to its row", async ({ page, server }) => {
  const now = Date.now();
  await server.post([0, 1, 2].flatMap((i) => conversation(`c-${i}`, { waits_ms: now - 90_000 + i * 1_000 })));
  await open(page, `${server.url}/?waiting_min=0`);
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await expect(page.locator("main[data-view=conversation]")).toBeVisible();
  await page.keyboard.press("u");
  await expect(page).toHaveURL(/\?waiting_min=0$/);
  await expect(page.locator("[data-panel=waits] [data-id=c-1] a")).toBeFocused();
});
