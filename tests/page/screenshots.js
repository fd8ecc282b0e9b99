// Takes the pictures of README.md and docs/serving.md: board, conversation, report and wall, light and dark, in docs/pages/.
// The log, the server's clock and the page's clock are fixed, so the pictures change only with the page.
//
//     node screenshots.js        needs libfaketime and pngquant

import { execFileSync } from "node:child_process";
import { createHmac } from "node:crypto";
import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { chromium } from "@playwright/test";

import { generate, retime, timeOf } from "./fixtures/log.js";
import { Server } from "./fixtures/server.js";
import { launchOptions } from "./playwright.config.js";

const FOLDER = fileURLToPath(new URL("../../docs/pages/", import.meta.url));
const NOW = Date.parse("2026-11-26T13:22:41Z");
const ZONE = "Europe/Oslo";
const SECRET = "for pictures";
/** Where the log is cut, and how much slower than the generator's its people are: so there are waits of every length. */
const LOG = { events: 8_000, seed: 23, "in-flight": 30, agents: 11, tenants: 3, "leave-open": 0, abandon: 0.02, mix: "2:2:1", sms: 0.4, transfer: 0.12, duplicates: 0.03, shuffle: 12 };
const CUT = 7_519;
/** Besides, some whom nobody has taken yet. */
const UNTAKEN = { events: 10, seed: 14, "in-flight": 5, agents: 11, tenants: 3, "leave-open": 1, abandon: 1, envelope: "airship-rtds" };
const UNTAKEN_MS = 2.7 * 60_000;
const SLOWER = 4;
const MOST_BYTES = 200_000;

/** Of the report: one row of charts above the table. */
const MEASURES = "messages_in,messages_out,response,open";

const PICTURES = [
  { name: "board", path: () => "/", view: "board", width: 1440, height: 900 },
  { name: "conversation", path: conversationPath, view: "conversation", width: 1440, height: 900 },
  { name: "report", path: () => `/report?from=2026-11-26&to=2026-11-27&every=1h&by=tenant&measure=${MEASURES}&tz=${ZONE}`, view: "report", width: 1440, height: 900 },
  { name: "wall", path: () => "/wall", view: "wall", width: 1920, height: 1080 },
];

function log() {
  const lines = generate(LOG).slice(0, CUT);
  const last = Math.max(...lines.map(timeOf));
  const untaken = generate(UNTAKEN);
  const [from, until] = [timeOf(untaken[0]), timeOf(untaken.at(-1)) + 1];
  return [
    ...lines.map((line) => retime(line, (time) => NOW - 9_000 - (last - time) * SLOWER)),
    ...untaken.map((line) => retime(line, (time) => NOW - 15_000 - ((until - time) / (until - from)) * UNTAKEN_MS)),
  ];
}

/** Airship's lines as events, SuperOffice's as signed webhooks, in the order of the log. */
async function send(server, lines) {
  let batch = [];
  const flush = async () => {
    if (batch.length) await server.post(batch);
    batch = [];
  };
  for (const line of lines) {
    if (!line.includes('"ContextIdentifier"')) {
      batch.push(line);
      continue;
    }
    await flush();
    const signature = createHmac("sha256", SECRET).update(line).digest("base64");
    const answer = await fetch(`${server.url}/webhooks/superoffice`, { method: "POST", body: line, headers: { "Content-Type": "application/json", "X-SuperOffice-Signature": signature } });
    if (!answer.ok) throw new Error(`webhook: ${answer.status} ${await answer.text()}`);
  }
  await flush();
}

/** Among those who wait: the one whose conversation has most to see, in the language of this page. */
async function conversationPath(server) {
  const { conversations } = await server.get("/api/v1/conversations?waiting=true&limit=100");
  const merit = (row) => {
    const isNamed = row.member.name && row.member.name !== "Unknown";
    const isLatin = /^[\x20-\x7e]{12,}$/.test(row.last_message?.text ?? "");
    return row.assignments.length * 10 + Math.min(row.messages_in + row.messages_out, 30) + (isNamed ? 20 : 0) + (isLatin ? 40 : 0);
  };
  const [best] = conversations.toSorted((a, b) => merit(b) - merit(a));
  return `/c/${encodeURIComponent(best.id)}`;
}

async function picture(browser, server, { name, path, view, width, height }, colorScheme) {
  const page = await browser.newPage({ viewport: { width, height }, colorScheme, timezoneId: ZONE, locale: "en-GB", reducedMotion: "reduce" });
  await page.clock.install({ time: NOW });
  await page.goto(server.url + (await path(server)));
  await page.locator(`main[data-view=${view}]`).waitFor();
  await page.waitForTimeout(6_000); // one heartbeat, which sets the clock
  await page.clock.runFor(1_000);
  const file = join(FOLDER, `${name}-${colorScheme}.png`);
  const plain = await page.screenshot();
  await page.close();
  const small = execFileSync("pngquant", ["--speed", "1", "--strip", "--quality", "80-100", "-"], { input: plain, maxBuffer: 1 << 26 });
  writeFileSync(file, small);
  const { size } = statSync(file);
  console.log(`${file}: ${size} bytes`);
  if (size > MOST_BYTES) throw new Error(`${file} is larger than ${MOST_BYTES} bytes`);
}

mkdirSync(FOLDER, { recursive: true });
const server = await new Server({ clock: "2026-11-26 13:22:41", args: ["--superoffice-secret", `default=${SECRET}`] }).start();
const browser = await chromium.launch(launchOptions);
try {
  await send(server, log());
  for (const each of PICTURES) {
    for (const colorScheme of ["light", "dark"]) await picture(browser, server, each, colorScheme);
  }
} finally {
  await browser.close();
  await server[Symbol.asyncDispose]();
}
