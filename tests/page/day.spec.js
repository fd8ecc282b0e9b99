// The day of the page ends at local midnight, while the page stays open. The server's clock is libfaketime's.

import { conversation } from "./fixtures/life.js";
import { expect, open, test } from "./fixtures/test.js";

const MIDNIGHT = Date.parse("2026-11-26T23:00:00Z"); // in Oslo
test.use({ serverOptions: { clock: "@2026-11-26 22:59:48", zone: "UTC" } });

for (const [path, view] of [["/", "board"], ["/wall", "wall"]]) {
  test(`a new day begins at local midnight: ${view}`, async ({ page, server }) => {
    await server.post([
      ...conversation("a", { waits_ms: MIDNIGHT - 3 * 3_600_000 }),
      ...conversation("b", { answered_ms: MIDNIGHT - 2 * 3_600_000 }),
    ]);
    const days = [];
    const devtools = await page.context().newCDPSession(page);
    await devtools.send("Network.enable");
    devtools.on("Network.eventSourceMessageReceived", ({ eventName, data }) => {
      if (eventName === "day") days.push(JSON.parse(data));
    });
    await open(page, `${server.url}${path}?tz=Europe/Oslo`, view);
    await expect.poll(() => days.length).toBeGreaterThan(0);
    expect(days[0].date).toBe("2026-11-26");
    const day = page.locator("[data-panel=day]");
    const yesterday = await day.innerHTML();
    const points = () => day.locator("svg[role=img]").first().evaluate((svg) => svg.outerHTML.length);
    const before = await points();
    await expect.poll(() => days.at(-1).date, { timeout: 25_000 }).toBe("2026-11-27");
    expect(days.at(-1).from).toBe(MIDNIGHT);
    await expect.poll(() => day.innerHTML()).not.toBe(yesterday);
    // The line of a day that has just begun is short.
    await expect.poll(points).toBeLessThan(before);
  });
}
