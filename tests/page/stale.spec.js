// What the page shows is live, or the page says that it is not, and it heals by itself.

import { conversation } from "./fixtures/life.js";
import { Server } from "./fixtures/server.js";
import { CONNECTION, badge, expect, number, open, shown, test } from "./fixtures/test.js";

const AGES = "[data-panel=waits] [data-id] time, [data-panel=waits] [data-id] [data-age]";

async function boardWithOneWait(page, server, url) {
  await server.post(conversation("case-1", { member: "Ida", waits_ms: Date.now() - 90_000 }));
  await page.clock.install();
  await open(page, url);
  await expect(badge(page)).toHaveText(/LIVE|QUIET/);
  // Lost by a reload of the page.
  await page.evaluate(() => (window.isSamePage = true));
}

async function expectHealed(page) {
  await expect(async () => {
    await page.clock.runFor(2_000);
    await expect(badge(page)).toHaveText(/LIVE|QUIET/, { timeout: 500 });
  }).toPass({ timeout: 20_000 });
  await expect(page.locator("[data-notice=stale]")).toHaveCount(0);
  expect(await page.evaluate(() => window.isSamePage)).toBe(true);
}

test("a connection that stalls is shown as stale within 15 s, its ages stand still, and it heals", async ({ page, server, wire, watch }) => {
  watch.allow(CONNECTION);
  await boardWithOneWait(page, server, wire.url);
  wire.stall();
  await page.clock.runFor(16_000);
  await expect(badge(page)).toHaveText(/STALE/);
  await expect(page.locator("[data-notice=stale]")).toContainText(/No word from the server since .* at least/);

  const stood = await page.locator(AGES).allTextContents();
  expect(stood.length).toBeGreaterThan(0);
  await page.clock.runFor(30_000);
  expect(await page.locator(AGES).allTextContents()).toEqual(stood);
  await expect(badge(page)).toHaveText(/STALE/);
  await expect(page).toHaveTitle(/stale/);

  await server.post(conversation("case-2", { member: "Ada", waits_ms: Date.now() }));
  wire.resume();
  await expectHealed(page);
  await expect(page.locator("[data-number=waiting]")).toHaveText("2");
});

test("a stream that continues after a short stall was never stale", async ({ page, server, wire }) => {
  await boardWithOneWait(page, server, wire.url);
  wire.stall();
  await page.clock.runFor(8_000);
  await expect(badge(page)).not.toHaveText(/STALE/);
  wire.resume();
  await server.post(conversation("case-2", { member: "Ada", waits_ms: Date.now() }));
  await expect(page.locator("[data-number=waiting]")).toHaveText("2");
  await expect(badge(page)).toHaveText(/LIVE/);
});

test("a connection that is cut is shown as stale and heals", async ({ page, server, wire, watch }) => {
  watch.allow(CONNECTION);
  await boardWithOneWait(page, server, wire.url);
  wire.cut();
  await page.clock.runFor(16_000);
  await expect(badge(page)).toHaveText(/STALE/);
  await server.post(conversation("case-2", { member: "Ada", waits_ms: Date.now() }));
  wire.resume();
  await expectHealed(page);
  await expect(page.locator("[data-number=waiting]")).toHaveText("2");
});

test("a connection that is reset once goes on with what came meanwhile", async ({ page, server, wire, watch }) => {
  watch.allow(CONNECTION);
  await boardWithOneWait(page, server, wire.url);
  await server.post(conversation("case-2", { member: "Ada", waits_ms: Date.now() }));
  wire.reset();
  await server.post(conversation("case-3", { member: "Eve", waits_ms: Date.now() }));
  await expectHealed(page);
  await expect(page.locator("[data-number=waiting]")).toHaveText("3");
});

test("a server with another database is read anew", async ({ page, server, wire, watch }) => {
  watch.allow(CONNECTION);
  await boardWithOneWait(page, server, wire.url);
  await server.post(Array.from({ length: 9 }, (_, i) => conversation(`more-${i}`, { waits_ms: Date.now() })).flat());
  await expect(page.locator("[data-number=open]")).toHaveText("10");
  const other = await new Server().start();
  try {
    await other.post([0, 1, 2].flatMap((i) => conversation(`other-${i}`, { member: `Other ${i}`, waits_ms: Date.now() - 1_000 * i })));
    wire.target = other.port;
    wire.reset();
    await expectHealed(page);
    await expect(page.locator("[data-number=open]")).toHaveText("3");
    await expect(page.locator("[data-notice=read_anew]")).toContainText(/Read anew/i);
    const now = await shown(page);
    expect([now.seq, now.waits.length]).toEqual([(await other.get("/api/v1/board")).seq, 3]);
  } finally {
    await other[Symbol.asyncDispose]();
  }
});

test("a server that restarts is found again", async ({ page, server, wire, watch }) => {
  watch.allow(CONNECTION);
  await boardWithOneWait(page, server, wire.url);
  await server.stop("SIGKILL");
  await page.clock.runFor(16_000);
  await expect(badge(page)).toHaveText(/STALE/);
  await server.start();
  wire.target = server.port;
  await expectHealed(page);
  expect(number((await shown(page)).numbers.waiting)).toBe(1);
});
