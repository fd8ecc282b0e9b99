// An empty database says how to send the first event, and the page fills itself.

import { execFileSync } from "node:child_process";

import { expect, open, test } from "./fixtures/test.js";

test("the command on the first start sends the first event", async ({ page, server }) => {
  await open(page, server.url, "start");
  await expect(page.locator("main")).toContainText("No events yet");
  await expect(page.locator("main")).toContainText(server.address);
  await page.evaluate(() => (window.isSamePage = true));
  const commands = await page.locator("pre, code").allTextContents();
  const command = commands.find((text) => /^\s*(\$ )?curl /.test(text)).replace(/^\s*\$ /, "");
  const report = JSON.parse(execFileSync("bash", ["-euc", command], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }));
  expect(report).toMatchObject({ rejected: 0 });
  expect(report.applied).toBeGreaterThan(0);
  await expect(page.locator("main[data-view=board]")).toBeVisible();
  await expect(page.locator("[data-number=open]")).toHaveText("1");
  expect(await page.evaluate(() => window.isSamePage)).toBe(true);
});

test("the page, its files and the answers come from the server alone, with a policy", async ({ page, server }) => {
  const policies = new Set();
  page.on("response", (response) => policies.add(response.headers()["content-security-policy"]));
  await open(page, server.url, "start");
  expect([...policies].every((policy) => policy?.includes("default-src 'self'") && !/unsafe|\*/.test(policy))).toBe(true);
});

test("an address that makes no sense says so", async ({ page, server }) => {
  for (const path of ["/c/%", "/c/50%25%zz", "/c/%E0%A4%A/history"]) {
    await page.goto(server.url + path);
    await expect(page.locator("main")).toContainText("There is no such page.");
    await expect(page.getByRole("link")).toHaveAttribute("href", "/");
  }
});
