// Large boards, and lists that are being read: few rows, and nothing moves under the pointer or the focus.

import { Feeder } from "./fixtures/feeder.js";
import { Life, answer, conversation } from "./fixtures/life.js";
import { expect, number, open, shown, test } from "./fixtures/test.js";

const MINUTE_MS = 60_000;
const waits = (page) => page.locator("[data-panel=waits]");

test("of 10,000 open conversations at most 100 rows are in the page", async ({ page, server }) => {
  const life = new Life({ open: 10_000, tenants: 6, agents: 300 });
  await server.post(life.fill(Date.now(), 60 * MINUTE_MS));
  await open(page, server.url);
  const feeder = new Feeder(server, (n) => life.take(n)).start();
  const rows = async () => (await page.locator("[data-id]").count());
  for (let i = 0; i < 5; i++) {
    await page.waitForTimeout(500);
    expect(await rows()).toBeLessThanOrEqual(100);
  }
  expect(number((await shown(page)).numbers.open)).toBeGreaterThan(9_000);
  await page.locator("a:has([data-number=open]), a[data-number=open]").first().click();
  await expect(page.locator("[data-panel=list] [data-id]").first()).toBeVisible();
  expect(await rows()).toBeLessThanOrEqual(100);
  await feeder.stop();
});

async function threeWait(page, server) {
  const now = Date.now();
  for (const [id, minutes] of [["a", 9], ["b", 7], ["c", 4]]) {
    await server.post(conversation(id, { member: `Member ${id}`, waits_ms: now - minutes * MINUTE_MS }));
  }
  await open(page, server.url);
  await expect.poll(async () => (await shown(page)).waits).toEqual(["a", "b", "c"]);
}

/** The first is answered, and one arrives that would be on top. */
async function change(server) {
  await server.post([answer("a", Date.now()), ...conversation("z", { member: "Member z", waits_ms: Date.now() - 20 * MINUTE_MS })]);
}

for (const way of ["pointer", "focus"]) {
  test(`order is held under the ${way}, changes are counted, and r lets them in`, async ({ page, server }) => {
    await threeWait(page, server);
    if (way === "pointer") await waits(page).locator("[data-id=b]").hover();
    else await waits(page).locator("[data-id=b]").locator("a").first().focus();
    const box = await waits(page).locator("[data-id=b]").boundingBox();
    await change(server);
    await expect(waits(page)).toHaveAttribute("data-held", "2");
    await expect(waits(page)).toContainText(/order held while you read/);
    expect((await shown(page)).waits).toEqual(["a", "b", "c"]);
    expect(await waits(page).locator("[data-id=b]").boundingBox()).toEqual(box);
    await expect(waits(page).locator("[data-id=a]")).toContainText("answered");
    // Numbers are not held.
    await expect(page.locator("[data-number=waiting]")).toHaveText("3");
    await page.keyboard.press("r");
    await expect.poll(async () => (await shown(page)).waits).toEqual(["z", "b", "c"]);
  });
}

test("order is let go two seconds after the pointer left", async ({ page, server }) => {
  await page.clock.install();
  await threeWait(page, server);
  await waits(page).locator("[data-id=b]").hover();
  await change(server);
  await expect(waits(page)).toHaveAttribute("data-held", "2");
  await page.mouse.move(700, 5);
  await page.clock.runFor(1_000);
  expect((await shown(page)).waits).toEqual(["a", "b", "c"]);
  await page.clock.runFor(2_000);
  await expect.poll(async () => (await shown(page)).waits).toEqual(["z", "b", "c"]);
});

test("waits that tick never change the order, only the bands move", async ({ page, server }) => {
  await page.clock.install();
  const now = Date.now();
  await server.post([
    ...conversation("a", { waits_ms: now - 4 * MINUTE_MS - 50_000 }),
    ...conversation("b", { waits_ms: now - 1 * MINUTE_MS - 55_000 }),
    ...conversation("c", { waits_ms: now - 10_000 }),
  ]);
  await open(page, server.url);
  await expect(waits(page)).toContainText(/1 waiting 2 to 5 minutes/);
  await expect(waits(page)).not.toContainText(/5 minutes and longer/);
  await page.clock.runFor(9_000);
  await expect(waits(page)).toContainText(/1 waiting 2 to 5 minutes/);
  await page.clock.runFor(3_000);
  await expect(waits(page)).toContainText(/1 waiting 5 minutes and longer/);
  expect((await shown(page)).waits).toEqual(["a", "b", "c"]);
});
