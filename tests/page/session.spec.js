// Signing in and out, and what a token may see.

import { conversation } from "./fixtures/life.js";
import { CONNECTION, expect, open, test } from "./fixtures/test.js";

const SECRET = "the-secret-words-of-a-member";

async function signIn(page, server, token) {
  await page.goto(server.url);
  const field = page.getByLabel(/token/i);
  await field.waitFor();
  await field.fill(token);
  await page.getByRole("button", { name: /sign in/i }).click();
  await page.locator("main[data-view=board]").waitFor();
}

/** Every byte that the server sends to the page, streams included. */
async function received(page) {
  const bodies = [];
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("Network.enable");
  devtools.on("Network.eventSourceMessageReceived", ({ data, eventName }) => bodies.push(`${eventName} ${data}`));
  page.on("response", async (response) => {
    if (response.headers()["content-type"]?.startsWith("text/event-stream")) return;
    bodies.push(`${response.url()} ${await response.text().catch(() => "")}`);
  });
  return bodies;
}

test("a token signs in, and its end signs out with a notice", async ({ page, server, watch }) => {
  watch.allow(CONNECTION);
  const token = server.token("desk", "--role", "read", "--texts");
  const admin = server.token("admin", "--role", "admin", "--texts");
  await expect(async () => expect((await fetch(`${server.url}/api/v1/totals`)).status).toBe(401)).toPass();
  await server.post(conversation("case-1", { member: "Ida", waits_ms: Date.now() - 1000, text: SECRET }), { token: admin });

  await page.goto(server.url);
  await page.getByLabel(/token/i).fill("not-a-token");
  await page.getByRole("button", { name: /sign in/i }).click();
  await expect(page.getByRole("alert").or(page.getByRole("status")).filter({ hasText: /token/i }).first()).toBeVisible();

  await signIn(page, server, token);
  await expect(page.locator("[data-number=waiting]")).toHaveText("1");
  await expect(page.getByText(SECRET)).toBeVisible();
  const cookies = await page.context().cookies();
  expect(cookies.map(({ httpOnly, sameSite }) => ({ httpOnly, sameSite }))).toEqual([{ httpOnly: true, sameSite: "Strict" }]);

  server.removeToken("desk");
  await expect(page.locator("[data-notice=signed_out]")).toContainText(/token ended/);
  await expect(page.locator("[data-number=waiting]")).toHaveText("1");
  await page.locator("[data-notice=signed_out]").getByRole("link", { name: /sign in/i }).click();
  await page.getByLabel(/token/i).fill(admin);
  await page.getByRole("button", { name: /sign in/i }).click();
  await expect(page.locator("[data-number=waiting]")).toHaveText("1");
});

test("without the right to texts no text reaches the page", async ({ page, server, watch }) => {
  watch.allow(CONNECTION);
  const token = server.token("floor", "--role", "read");
  const admin = server.token("admin", "--role", "admin", "--texts");
  await expect(async () => expect((await fetch(`${server.url}/api/v1/totals`)).status).toBe(401)).toPass();
  await server.post(conversation("case-1", { member: "Ida", waits_ms: Date.now() - 1000, text: SECRET }), { token: admin });
  const bodies = await received(page);
  await signIn(page, server, token);
  await expect(page.locator("[data-panel=waits] [data-id=case-1]")).toContainText("Ida");
  await server.post(conversation("case-2", { member: "Ada", waits_ms: Date.now(), text: SECRET }), { token: admin });
  await expect(page.locator("[data-panel=waits] [data-id]")).toHaveCount(2);
  for (const [path, view] of [["/c/case-1", "conversation"], ["/c/case-1/history", "history"], ["/wall", "wall"], ["/status", "status"]]) {
    await open(page, server.url + path, view);
    await page.waitForTimeout(500);
    expect(await page.content()).not.toContain(SECRET);
  }
  expect(bodies.filter((body) => body.startsWith("board ")).length).toBeGreaterThan(0);
  expect(bodies.filter((body) => body.includes(SECRET))).toEqual([]);
});

test("a token of one tenant sees no other", async ({ page, server, watch }) => {
  watch.allow(CONNECTION);
  const token = server.token("sales", "--role", "read", "--texts", "--tenant", "Sales");
  const admin = server.token("admin", "--role", "admin", "--texts");
  await expect(async () => expect((await fetch(`${server.url}/api/v1/totals`)).status).toBe(401)).toPass();
  await server.post([
    ...conversation("case-1", { tenant: "Sales", member: "Ida", waits_ms: Date.now() - 1000 }),
    ...conversation("case-2", { tenant: "Care", member: "Ada", waits_ms: Date.now() - 1000 }),
  ], { token: admin });
  const bodies = await received(page);
  await signIn(page, server, token);
  await expect(page.locator("[data-number=open]")).toHaveText("1");
  expect(await page.content()).not.toMatch(/Care|Ada|case-2/);
  expect(bodies.filter((body) => /Care|"Ada"|case-2/.test(body))).toEqual([]);
});

test("the wall has no names, ids or texts in the page", async ({ page, server }) => {
  const agent = { id: "agent-77", name: "Nora" };
  await server.post([
    ...conversation("case-4711", { member: "Ida Lovelace", agent, waits_ms: Date.now() - 400_000, text: SECRET }),
    ...conversation("case-4712", { member: "Ada Byron", waits_ms: Date.now() - 150_000, text: SECRET }),
  ]);
  await open(page, `${server.url}/wall`, "wall");
  await expect(page.locator("[data-number=waiting]")).toHaveText("2");
  const content = await page.evaluate(() => document.documentElement.outerHTML);
  for (const hidden of [SECRET, "Lovelace", "Byron", "case-47", "agent-77"]) expect(content).not.toContain(hidden);
  expect(await page.locator("main :is(button, input, select)").count()).toBe(0);
  expect(await page.evaluate(() => [document.documentElement.scrollHeight <= innerHeight, document.documentElement.scrollWidth <= innerWidth])).toEqual([true, true]);
});
