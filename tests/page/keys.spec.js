// The keyboard alone is enough.

import { conversation } from "./fixtures/life.js";
import { expect, open, test } from "./fixtures/test.js";

test.beforeEach(async ({ page, server }) => {
  const now = Date.now();
  const nora = { id: "nora", name: "Nora" };
  await server.post([
    ...conversation("a", { member: "Ada", agent: nora, waits_ms: now - 90_000 }),
    ...conversation("b", { member: "Bea", waits_ms: now - 60_000 }),
    ...conversation("c", { member: "Cleo", agent: nora, waits_ms: now - 30_000 }),
  ]);
  await open(page, server.url);
});

/** The conversation of the row that has the focus. */
const focused = (page) => page.evaluate(() => document.activeElement.closest("[data-id]")?.dataset.id ?? null);
const panel = (page) => page.evaluate(() => document.activeElement.closest("[data-panel]")?.dataset.panel ?? null);
const press = async (page, ...keys) => {
  for (const key of keys) await page.keyboard.press(key);
};

test("j and k go through the rows, Enter opens, u leads back", async ({ page }) => {
  await press(page, "g", "w");
  expect([await panel(page), await focused(page)]).toEqual(["waits", "a"]);
  await press(page, "j");
  expect(await focused(page)).toBe("b");
  await press(page, "j", "k");
  expect(await focused(page)).toBe("b");
  await press(page, "Enter");
  await expect(page.locator("main[data-view=conversation]")).toBeVisible();
  await expect(page).toHaveURL(/\/c\/b$/);
  await press(page, "j");
  await expect(page).toHaveURL(/\/c\/c$/);
  await press(page, "k", "k");
  await expect(page).toHaveURL(/\/c\/a$/);
  await press(page, "u");
  await expect(page.locator("main[data-view=board]")).toBeVisible();
});

test("keys that are pressed in one frame each go one conversation further", async ({ page }) => {
  await press(page, "g", "w", "Enter");
  await expect(page).toHaveURL(/\/c\/a$/);
  await page.locator("main[data-view=conversation][data-seq]").waitFor();
  await page.evaluate(() => {
    for (const key of ["j", "j", "k", "j"]) document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  });
  await expect(page).toHaveURL(/\/c\/c$/);
  await page.evaluate(() => {
    for (const key of ["k", "k"]) document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  });
  await expect(page).toHaveURL(/\/c\/a$/);
});

test("g u and g a go to the panels, / finds, f filters", async ({ page }) => {
  await press(page, "g", "u");
  expect([await panel(page), await focused(page)]).toEqual(["nobody", "b"]);
  await press(page, "g", "a");
  expect(await panel(page)).toBe("agents");
  await press(page, "f");
  await expect(page.getByRole("combobox", { name: "Tenant", exact: true })).toBeFocused();
  await page.evaluate(() => document.activeElement.blur());
  await press(page, "/");
  const field = page.getByRole("searchbox").or(page.getByPlaceholder(/member, number or id/i)).first();
  await expect(field).toBeFocused();
  // Keys are text in a text field.
  await press(page, "j", "x", "?", "m");
  await expect(field).toHaveValue("jx?m");
  await expect(page.getByRole("dialog")).toHaveCount(0);
});

test("x shows exact times, m switches the sound, ? lists the keys and Escape closes the list", async ({ page }) => {
  const age = page.locator("[data-panel=waits] [data-id=a]").locator("time, [data-age]").first();
  await expect(age).toHaveText(/^1m \d\ds$/);
  await press(page, "x");
  // In the first minutes of a day it began the day before.
  await expect(age).toHaveText(/^(\d\d:\d\d:\d\d|\w{3} \d\d:\d\d)$/);
  await press(page, "x");
  await expect(age).toHaveText(/^1m \d\ds$/);
  await press(page, "m");
  expect(await page.evaluate(() => Object.entries(localStorage).find(([name]) => name.includes("sound"))?.[1])).toBe("on");
  await press(page, "?");
  const list = page.getByRole("dialog");
  await expect(list).toBeVisible();
  for (const word of ["j", "k", "Enter", "Esc", "g w"]) await expect(list).toContainText(word);
  await press(page, "Escape");
  await expect(list).toBeHidden();
});

test("single keys can be switched off", async ({ page }) => {
  await page.evaluate(() => localStorage.setItem("convofold.keys", "off"));
  await page.reload();
  await page.locator("main[data-view=board]").waitFor();
  await press(page, "g", "w", "j");
  expect(await focused(page)).toBe(null);
  await press(page, "?");
  await expect(page.getByRole("dialog")).toHaveCount(0);
});

test("Tab stops once a row", async ({ page }) => {
  const stops = [];
  for (let i = 0; i < 80; i++) {
    await press(page, "Tab");
    const stop = await page.evaluate(() => {
      const row = document.activeElement.closest("[data-id], [data-agent]");
      const panel = document.activeElement.closest("[data-panel]")?.dataset.panel;
      return row ? `${panel} ${row.dataset.id ?? row.dataset.agent}` : null;
    });
    if (stop) stops.push(stop);
    if (await page.evaluate(() => document.activeElement === document.body)) break;
  }
  expect(stops.filter((stop) => stop.startsWith("waits"))).toEqual(["waits a", "waits b", "waits c"]);
  expect(new Set(stops).size).toBe(stops.length);
});

test("the focus is visible", async ({ page }) => {
  await press(page, "g", "w");
  const outline = await page.evaluate(() => {
    const row = document.activeElement.closest("[data-id]");
    return [[document.activeElement], [document.activeElement, "::after"], [row], [row, "::after"]].some(([element, pseudo]) => {
      const { outlineStyle, outlineWidth } = getComputedStyle(element, pseudo);
      return outlineStyle !== "none" && parseFloat(outlineWidth) >= 2;
    });
  });
  expect(outline).toBe(true);
});
