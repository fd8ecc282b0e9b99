// axe finds nothing on any view in either theme, and no view is wider than its screen.

import AxeBuilder from "@axe-core/playwright";

import { generate, piecewise, retime, timeOf } from "./fixtures/log.js";
import { CONNECTION, expect, open, test } from "./fixtures/test.js";

const HOUR_MS = 3_600_000;

/** Some hours of Airship and SuperOffice until now. */
function log() {
  const lines = generate({ events: 3_000, seed: 3, "in-flight": 60, agents: 12, tenants: 3 });
  const now = Date.now();
  const map = piecewise([[timeOf(lines[0]), now - 5 * HOUR_MS], [timeOf(lines.at(-1)), now]]);
  return lines.map((line) => retime(line, map));
}

async function violations(page) {
  const { violations } = await new AxeBuilder({ page }).analyze();
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join("\n  ")}`);
}

/** The views, with a conversation that has many messages. */
async function views(server) {
  const { conversations } = await server.get("/api/v1/conversations?limit=1000&sort=waiting");
  const long = conversations.toSorted((a, b) => b.messages_in - a.messages_in)[0];
  const path = `/c/${encodeURIComponent(long.id)}`;
  return [
    ["board", "/"],
    ["board", "/?status=open"],
    ["board", "/?tenant=none-such"],
    ["conversation", path],
    ["history", `${path}/history`],
    ["wall", "/wall"],
    ["status", "/status"],
    ["login", "/login"],
  ];
}

for (const colorScheme of ["light", "dark"]) {
  test(`axe finds nothing, ${colorScheme}`, async ({ page, server }) => {
    test.setTimeout(90_000);
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await open(page, server.url, "start");
    expect(await violations(page), "first start").toEqual([]);
    await server.post(log());
    for (const [view, path] of await views(server)) {
      await open(page, server.url + path, view);
      await page.waitForTimeout(300);
      expect(await violations(page), `${view} ${path}`).toEqual([]);
    }
    await open(page, server.url);
    await page.keyboard.press("?");
    await expect(page.getByRole("dialog")).toBeVisible();
    expect(await violations(page), "list of keys").toEqual([]);
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "More filters" }).click();
    await expect(page.getByLabel("Shortcode")).toBeVisible();
    expect(await violations(page), "more filters").toEqual([]);
  });
}

test("axe finds nothing on a stale page", async ({ page, server, wire, watch }) => {
  watch.allow(CONNECTION);
  await server.post(log());
  await page.clock.install();
  await open(page, wire.url);
  wire.stall();
  await page.clock.runFor(16_000);
  await expect(page.locator("[data-notice=stale]")).toBeVisible();
  wire.resume();
  await page.clock.resume();
  expect(await violations(page)).toEqual([]);
});

const WIDTHS = [320, 360, 390, 480, 600, 700, 701, 800, 1024, 1150, 1151, 1280, 1350, 1351, 1440, 1600, 1800, 1920, 2560, 3200, 3840];

test("no view is wider than its screen", async ({ page, server }) => {
  test.setTimeout(90_000);
  await open(page, server.url, "start");
  const tooWide = [];
  const measure = async (view, path) => {
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: Math.max(640, Math.round((width * 9) / 16)) });
      const over = await page.evaluate(async () => {
        await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
        return document.documentElement.scrollWidth - document.documentElement.clientWidth;
      });
      if (over > 0) tooWide.push(`${view} ${path}: ${over} px at ${width}`);
    }
  };
  await measure("start", "/");
  await server.post(log());
  for (const [view, path] of await views(server)) {
    await open(page, server.url + path, view);
    await measure(view, path);
  }
  expect(tooWide).toEqual([]);
});
