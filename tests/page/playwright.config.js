import { execFileSync } from "node:child_process";
import { defineConfig } from "@playwright/test";

/** Debian's Chromium; Playwright's own browsers are not downloaded. */
function chromium() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  return execFileSync("sh", ["-c", "command -v chromium || command -v chromium-browser"]).toString().trim();
}

/** Also for root and without a network: Chromium must not look for updates, models or accounts. */
export const launchOptions = {
  executablePath: chromium(),
  args: [
    "--no-sandbox",
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
};

export default defineConfig({
  testMatch: "*.spec.js",
  // A loaded machine may take long. What a test says about time, it says itself.
  timeout: 180_000,
  expect: { timeout: 30_000 },
  fullyParallel: true,
  workers: 2,
  retries: 0,
  forbidOnly: Boolean(process.env.CI),
  reporter: [["list"]],
  outputDir: "../../target/page-tests",
  use: {
    launchOptions,
    viewport: { width: 1440, height: 900 },
    locale: "en-GB",
    // `PAGE_ZONE=Asia/Tokyo run.sh` tests at another time of day.
    timezoneId: process.env.PAGE_ZONE ?? "Europe/Oslo",
    trace: "off",
    screenshot: "only-on-failure",
  },
});
