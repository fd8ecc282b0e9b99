import assert from "node:assert/strict";
import { test } from "node:test";
import { upstreamLines } from "../../../bindings/server/page/upstreams.js";

const upstream = (name, state = "ok", more = {}) => ({ kind: "webhook", name, state, last_at: 1, gap: null, ...more });
const names = (upstreams, lines) => upstreamLines(upstreams, lines).map((line) => [line.names.join("+"), line.more ?? 0]);

test("upstreams that are fine share a line with the latest of them", () => {
  const lines = upstreamLines([upstream("stream", "ok", { kind: "stream" }), upstream("a"), upstream("b", "ok", { last_at: 5 })]);
  assert.deepEqual(lines.map((line) => line.names), [["stream"], ["a", "b"]]);
  assert.equal(lines[1].upstream.last_at, 5);
});

test("trouble is shown first if not every line fits, and the rest is counted", () => {
  const many = [upstream("stream", "ok", { kind: "stream" }), upstream("a"), upstream("q1", "quiet"), upstream("r", "refused"), upstream("q2", "quiet")];
  assert.deepEqual(names(many), [["r", 0], ["q1", 0], ["q2", 2]]);
});

test("lost events are trouble in any state", () => {
  const lost = upstream("stream", "ok", { kind: "stream", gap: { from: 1, until: 2 } });
  assert.deepEqual(names([upstream("a"), upstream("b", "not_set_up"), lost], 2), [["stream", 0], ["a", 1]]);
});
