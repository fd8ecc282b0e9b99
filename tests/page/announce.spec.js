// A wait that becomes critical is announced once, and nothing else is.

import { conversation } from "./fixtures/life.js";
import { expect, open, test } from "./fixtures/test.js";

/** Every text that a screen reader would speak because it changed. */
async function spoken(page) {
  await page.addInitScript(() => {
    window.spoken = [];
    const last = new WeakMap();
    const look = () => {
      for (const region of document.querySelectorAll("[role=status], [role=alert], [aria-live=polite], [aria-live=assertive]")) {
        const text = region.textContent.trim();
        if (text !== (last.get(region) ?? "")) {
          last.set(region, text);
          if (text) window.spoken.push(text);
        }
      }
    };
    new MutationObserver(look).observe(document, { subtree: true, childList: true, characterData: true });
  });
  return () => page.evaluate(() => window.spoken);
}

const MINUTE_MS = 60_000;
const nora = { id: "nora", name: "Nora Zieliński" };

test("one sentence for each conversation, once", async ({ page, server }) => {
  const heard = await spoken(page);
  await page.clock.install();
  const now = Date.now();
  await server.post([
    ...conversation("old", { member: "Olga", agent: nora, waits_ms: now - 30 * MINUTE_MS }),
    ...conversation("a", { member: "Björn Jansen", agent: nora, waits_ms: now - 5 * MINUTE_MS + 6_000 }),
  ]);
  await open(page, server.url);
  // What was critical when the page opened is seen, not announced.
  expect(await heard()).toEqual([]);
  await page.clock.runFor(2_000);
  expect(await heard()).toEqual([]);
  await page.clock.runFor(11_000);
  expect(await heard()).toEqual(["Björn Jansen waits 5 minutes, with Nora Zieliński"]);
  await expect(page).toHaveTitle(/^\(2 waiting, 30m\)/);
  // The next heartbeat sets the clock back to the server's, and the same moment passes once more.
  await page.waitForTimeout(5_500);
  await page.clock.runFor(13_000);
  expect((await heard()).filter((text) => /waits/.test(text) && !/STALE/.test(text))).toHaveLength(1);
});

test("several within five seconds are one sentence", async ({ page, server }) => {
  const heard = await spoken(page);
  await page.clock.install();
  const now = Date.now();
  await server.post([0, 1, 2].flatMap((i) => conversation(`c-${i}`, { member: `Member ${i}`, waits_ms: now - 5 * MINUTE_MS + 4_000 + i * 1_000 })));
  await open(page, server.url);
  await page.clock.runFor(13_000);
  expect(await heard()).toEqual([expect.stringMatching(/^3 conversations/)]);
});
