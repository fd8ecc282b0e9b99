// Every filter is in the address and acts on every number, list and line.

import { conversation } from "./fixtures/life.js";
import { expect, number, open, shown, test } from "./fixtures/test.js";

test.beforeEach(async ({ server }) => {
  const now = Date.now();
  const nora = { id: "nora", name: "Nora" };
  await server.post([
    ...conversation("a", { tenant: "Care", channel: "sms", agent: nora, waits_ms: now - 60_000 }),
    ...conversation("b", { tenant: "Care", channel: "in_app", waits_ms: now - 50_000 }),
    ...conversation("c", { tenant: "Sales", channel: "sms", agent: nora, answered_ms: now - 40_000 }),
    ...conversation("d", { tenant: "Sales", channel: "sms", waits_ms: now - 30_000 }),
  ]);
});

const heads = async (page) => {
  const { numbers } = await shown(page);
  return Object.fromEntries(["open", "waiting", "unassigned", "unread"].map((name) => [name, number(numbers[name])]));
};
const api = async (server, conditions) => {
  const { open, waiting, unassigned, unread } = await server.get(`/api/v1/board?${conditions}`);
  return { open, waiting, unassigned, unread };
};

test("filters are in the address, go Back, and are a bookmark", async ({ page, server, context }) => {
  await open(page, server.url);
  expect(await heads(page)).toEqual(await api(server, ""));
  await page.getByRole("combobox", { name: "Tenant", exact: true }).selectOption({ label: "Care" });
  await expect(page).toHaveURL(/tenant=Care/);
  await expect.poll(() => heads(page)).toEqual(await api(server, "tenant=Care"));
  await page.getByRole("combobox", { name: "Channel", exact: true }).selectOption({ label: "sms" });
  await expect(page).toHaveURL(/channel=sms/);
  await expect.poll(() => heads(page)).toEqual(await api(server, "tenant=Care&channel=sms"));
  expect((await shown(page)).waits).toEqual(["a"]);

  const bookmark = await context.newPage();
  await open(bookmark, page.url());
  await expect.poll(() => heads(bookmark)).toEqual(await api(server, "tenant=Care&channel=sms"));
  await expect(bookmark.getByRole("combobox", { name: "Tenant", exact: true })).toHaveValue(/Care/);
  await bookmark.close();

  await page.goBack();
  await expect(page).toHaveURL(/tenant=Care$/);
  await expect.poll(() => heads(page)).toEqual(await api(server, "tenant=Care"));
  await page.goBack();
  await expect.poll(() => heads(page)).toEqual(await api(server, ""));
});

test("clearing is visible while a filter is on, also when nothing matches", async ({ page, server }) => {
  await open(page, `${server.url}/?tenant=Default&channel=sms`);
  await expect(page.locator("main")).toContainText(/0 of 4 open conversations match tenant Default, channel sms/);
  await page.getByRole("link", { name: /clear the filters/i }).or(page.getByRole("button", { name: /clear the filters/i })).first().click();
  await expect.poll(() => heads(page)).toEqual(await api(server, ""));
  await expect(page.getByText(/clear the filters/i)).toHaveCount(0);
});

test("a filter acts on agents, on the day and on the wall", async ({ page, server }) => {
  await open(page, `${server.url}/?tenant=Sales`);
  expect((await shown(page)).agents.every(({ tenant }) => tenant === "Sales")).toBe(true);
  const requests = [];
  page.on("request", (request) => requests.push(request.url()));
  await open(page, `${server.url}/wall?tenant=Sales`, "wall");
  expect(await heads(page)).toMatchObject({ waiting: 1 });
  expect(requests.filter((url) => url.includes("/api/v1/board")).every((url) => url.includes("tenant=Sales"))).toBe(true);
});

test("thresholds of the address decide the bands", async ({ page, server }) => {
  await open(page, `${server.url}/?warn=10s&crit=40s`);
  await expect(page.locator("[data-panel=waits]")).toContainText(/2 waiting 40 seconds and longer/);
  await expect(page.locator("[data-panel=waits]")).toContainText(/1 waiting 10 to 40 seconds/);
});

test("what is typed stays while events come in, and finds a member", async ({ page, server }) => {
  await server.post(conversation("e", { tenant: "Care", member: "Ida Lovelace", waits_ms: Date.now() - 20_000 }));
  await open(page, server.url);
  const field = page.getByRole("searchbox");
  await field.fill("ida love");
  await server.post(conversation("f", { tenant: "Care", waits_ms: Date.now() }));
  await expect(page.locator("[data-number=waiting]")).toHaveText("5");
  await expect(field).toHaveValue("ida love");
  await field.fill("Ida Lovelace");
  await field.press("Enter");
  await expect(page).toHaveURL(/member=Ida\+Lovelace/);
  await expect.poll(async () => (await shown(page)).waits).toEqual(["e"]);
});
