import assert from "node:assert/strict";
import { test } from "node:test";
import { agentOrder } from "../../../bindings/server/page/agents.js";

const row = (name, open, since) => ({ tenant: null, agent: name === null ? null : { id: name, name }, open, oldest_waiting_since: since });

test("the longest wait comes first, then the most conversations, and nobody last", () => {
  const rows = [row("Ann", 9, null), row(null, 7, 1), row("Bob", 2, 500), row("Eve", 3, 400), row("Cleo", 9, null), row("Dan", 12, null)];
  assert.deepEqual(agentOrder(rows).map(({ agent }) => agent?.name ?? null), ["Eve", "Bob", "Dan", "Ann", "Cleo", null]);
});
