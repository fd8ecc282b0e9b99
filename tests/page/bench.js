// Measures the page: its size, first paint, frame times of a large board, and what a day leaves behind.
//
//     node bench.js [size] [paint] [frames] [day]      (all of them without arguments)

import { gzipSync } from "node:zlib";

import { chromium } from "@playwright/test";

import { Feeder } from "./fixtures/feeder.js";
import { Life, conversation } from "./fixtures/life.js";
import { install } from "./fixtures/scripted.js";
import { Server } from "./fixtures/server.js";
import { launchOptions } from "./playwright.config.js";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const quantile = (values, q) => values.toSorted((a, b) => a - b)[Math.max(0, Math.ceil(q * values.length) - 1)];
const round = (value, digits = 1) => Number(value.toFixed(digits));
const report = (name, figures) => console.log(`${name}: ${JSON.stringify(figures)}`);

/** A page on a server of its own. */
async function withPage(prepare, measure) {
  const server = await new Server().start();
  const browser = await chromium.launch({ ...launchOptions, args: [...launchOptions.args, "--js-flags=--expose-gc"] });
  try {
    await prepare(server);
    const page = await browser.newPage({ viewport: { width: 1440, height: 900 }, timezoneId: "Europe/Oslo" });
    await measure({ page, server, browser });
  } finally {
    await browser.close();
    await server[Symbol.asyncDispose]();
  }
}

const board = (page) => page.locator("[data-number=open]").first().waitFor();
const few = async (server) => {
  const life = new Life({ open: 40 });
  await server.post(life.fill(Date.now(), 30 * MINUTE_MS));
};

/** What the first visit of the board loads. */
async function size() {
  await withPage(few, async ({ page, server }) => {
    const files = [];
    page.on("response", (response) => {
      if (!response.headers()["content-type"]?.startsWith("text/event-stream")) files.push(response);
    });
    await page.goto(server.url);
    await board(page);
    await sleep(1_000);
    let [raw, gzipped, sent] = [0, 0, 0];
    for (const response of files) {
      const body = await response.body();
      raw += body.length;
      gzipped += gzipSync(body).length;
      sent += (await response.request().sizes()).responseBodySize;
    }
    report("size of the board", { requests: files.length, raw_bytes: raw, gzipped_bytes: gzipped, sent_bytes: sent });
  });
}

/** First contentful paint, and the first numbers, with an empty cache and with a full one. */
async function paint() {
  await withPage(few, async ({ server, browser }) => {
    const times = { empty: [], full: [], empty_numbers: [], full_numbers: [] };
    for (let i = 0; i < 15; i++) {
      const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
      const page = await context.newPage();
      await page.addInitScript(() => {
        new MutationObserver((_, observer) => {
          if (!document.querySelector("[data-number=open]")?.textContent) return;
          observer.disconnect();
          requestAnimationFrame(() => (window.numbersAt = performance.now()));
        }).observe(document, { subtree: true, childList: true, characterData: true });
      });
      for (const cache of ["empty", "full"]) {
        await page.goto(server.url);
        await board(page);
        await page.waitForFunction(() => window.numbersAt && performance.getEntriesByName("first-contentful-paint").length);
        const [fcp, numbers] = await page.evaluate(() => [performance.getEntriesByName("first-contentful-paint")[0].startTime, window.numbersAt]);
        times[cache].push(fcp);
        times[`${cache}_numbers`].push(numbers);
      }
      await context.close();
    }
    for (const [name, values] of Object.entries(times)) report(`first paint, cache ${name}`, { p50_ms: round(quantile(values, 0.5)), max_ms: round(Math.max(...values)) });
  });
}

/** Frames of a board of 10,000 open conversations while 200 events a second come in. */
async function frames() {
  const life = new Life({ open: 10_000, tenants: 6, agents: 300 });
  await withPage(
    (server) => server.post(life.fill(Date.now(), 60 * MINUTE_MS)),
    async ({ page, server }) => {
      await page.goto(server.url);
      await board(page);
      const devtools = await page.context().newCDPSession(page);
      await devtools.send("Performance.enable");
      const metrics = async () => Object.fromEntries((await devtools.send("Performance.getMetrics")).metrics.map(({ name, value }) => [name, value]));
      for (const [what, feeds, act] of [
        ["no events", false, null],
        ["200 events/s", true, null],
        ["200 events/s, pointer over the list", true, (i) => page.mouse.move(300, 250 + (i % 20) * 15)],
      ]) {
        const feeder = feeds ? new Feeder(server, (n) => life.take(n), { every_ms: 100 }).start() : null;
        await sleep(2_000);
        await page.evaluate(() => {
          const run = (window.run = { deltas: [], long: [], mutations: 0, going: true });
          new PerformanceObserver((list) => run.going && run.long.push(...list.getEntries().map(({ duration }) => duration))).observe({ type: "longtask" });
          let last = performance.now();
          const frame = (now) => {
            run.deltas.push(now - last);
            last = now;
            if (run.going) requestAnimationFrame(frame);
          };
          requestAnimationFrame((now) => {
            last = now;
            requestAnimationFrame(frame);
          });
        });
        const [before, from] = [await metrics(), Date.now()];
        for (let i = 0; Date.now() - from < 20_000; i++) {
          if (act) await act(i);
          await sleep(100);
        }
        const [after, seconds] = [await metrics(), (Date.now() - from) / 1000];
        const { deltas, long } = await page.evaluate(() => {
          window.run.going = false;
          return window.run;
        });
        const pace = feeder?.pace ?? 0;
        await feeder?.stop();
        report(`frames, 10,000 open, ${what}`, {
          events_per_s: Math.round(pace),
          frames: deltas.length,
          p50_ms: round(quantile(deltas, 0.5)),
          p95_ms: round(quantile(deltas, 0.95)),
          p99_ms: round(quantile(deltas, 0.99)),
          max_ms: round(Math.max(...deltas)),
          long_tasks: long.length,
          longest_task_ms: round(Math.max(0, ...long)),
          busy_percent: round(((after.TaskDuration - before.TaskDuration) / seconds) * 100),
          rows: await page.locator("[data-id]").count(),
        });
      }
    },
  );
}

/** Runs in the page: one hour of ticks, a snapshot and two heartbeats every 10 s, the day every five minutes, one reconnect. */
async function passHour({ recorded, today, hour }) {
  const { scripted } = window;
  const DAY_MS = 86_400_000;
  const EPOCH_MS = /(?<![\d.])1[6-9]\d{11}(?![\d.])/g;
  const line = (steps, wave) => Array.from({ length: steps }, (_, i) => Math.round(40 + 20 * Math.sin(i / wave)));
  const newDay = () => {
    const now = scripted.now();
    const from = now - (now % DAY_MS);
    const steps = Math.max(1, Math.floor((now - from) / today.step_ms));
    const date = new Date(from).toISOString().slice(0, 10);
    scripted.emit("day", JSON.stringify({ ...today, now, date, from, until: from + DAY_MS, open: line(steps, 20), waiting: line(steps, 9), answers: [] }));
  };
  const lastSeq = recorded.at(-1).seq;
  for (let step = 0; step < 360; step++) {
    const n = hour * 360 + step;
    const { text, at, seq } = recorded[n % recorded.length];
    const by = scripted.now() - at;
    const later = seq + Math.floor(n / recorded.length) * lastSeq;
    const json = text.replace(EPOCH_MS, (time) => String(Number(time) + by)).replace(`"seq":${seq}`, `"seq":${later}`);
    scripted.emit("board", json, `db-${later}`);
    if (step % 30 === 0) newDay();
    if (step === 200) scripted.fail();
    for (let beat = 0; beat < 2; beat++) {
      await scripted.advance(5_000);
      scripted.emit("clock", JSON.stringify({ now: scripted.now(), seq: later }));
    }
    if (step % 6 === 0) await scripted.pause();
  }
  newDay();
}

/** A day of the board in minutes: every tick, thousands of snapshots, midnight, reconnects, another view; then what is left. */
async function day() {
  const hours = Number(process.env.HOURS ?? 24);
  const life = new Life({ open: 400, tenants: 4, agents: 30 });
  await withPage(
    (server) => server.post(life.fill(Date.now(), 60 * MINUTE_MS)),
    async ({ page, server }) => {
      // Snapshots as the server makes them, of a board that changes.
      const recorded = [];
      for (let i = 0; i < 60; i++) {
        await server.post(life.take(40));
        const text = JSON.stringify(await server.get("/api/v1/board?limit=100"));
        recorded.push({ text, at: JSON.parse(text).now, seq: JSON.parse(text).seq });
      }
      const today = await server.get("/api/v1/day?tz=Europe/Oslo");
      const thrown = [];
      page.on("pageerror", (error) => thrown.push(String(error)));
      await page.addInitScript(install);
      await page.goto(server.url);
      const devtools = await page.context().newCDPSession(page);
      await devtools.send("Performance.enable");
      await devtools.send("HeapProfiler.enable");
      const measured = async () => {
        for (let i = 0; i < 3; i++) await devtools.send("HeapProfiler.collectGarbage");
        const { metrics } = await devtools.send("Performance.getMetrics");
        const of = Object.fromEntries(metrics.map(({ name, value }) => [name, value]));
        const sources = await page.evaluate(() => window.scripted.sources.size);
        return { heap_bytes: of.JSHeapUsedSize, nodes: of.Nodes, listeners: of.JSEventListeners, documents: of.Documents, sources };
      };
      const pass = async (hour) => {
        await page.evaluate(passHour, { recorded, today, hour });
        // The pointer visits the list, and the reader a conversation, without a new document.
        await page.mouse.move(300, 300);
        await page.evaluate(async (text) => {
          window.scripted.emit("board", text, "db-0");
          await window.scripted.advance(1_000);
        }, recorded[0].text);
        await page.mouse.move(720, 4);
        await page.evaluate(() => window.scripted.advance(5_000));
        await page.evaluate(() => document.querySelector("[data-panel=waits] [data-id] a").click());
        await page.locator("main[data-view=conversation]").waitFor();
        await page.goBack();
        await page.locator("main[data-view=board]").waitFor();
        await page.evaluate((text) => window.scripted.emit("board", text, "db-0"), recorded[0].text);
        await page.locator("[data-panel=waits] [data-id]").first().waitFor();
      };
      await page.locator("main[data-view=board]").waitFor();
      const from = Date.now();
      await pass(0);
      const start = await measured();
      report("day, after 1 h", start);
      for (let hour = 1; hour <= hours; hour++) {
        await pass(hour);
        if (hour % 6 === 0) report(`day, after ${hour + 1} h`, await measured());
      }
      const end = await measured();
      report("day", {
        hours,
        snapshots: hours * 361,
        ticks: hours * 3_600,
        took_s: Math.round((Date.now() - from) / 1000),
        heap_growth_bytes: end.heap_bytes - start.heap_bytes,
        nodes_growth: end.nodes - start.nodes,
        listeners_growth: end.listeners - start.listeners,
        thrown: [...new Set(thrown)],
      });
    },
  );
}

const parts = { size, paint, frames, day };
const asked = process.argv.slice(2);
for (const name of asked.length ? asked : Object.keys(parts)) await parts[name]();
