import assert from "node:assert/strict";
import { test } from "node:test";
import { nextPage } from "../../../bindings/server/page/next.js";

test("signing in leads back to the page, and nowhere else", () => {
  const to = (next) => nextPage(`?next=${encodeURIComponent(next)}`, "https://chats.example.com");
  assert.equal(to("/c/a%2Fb?x=1#seq-3"), "/c/a%2Fb?x=1#seq-3");
  assert.equal(to("/?tenant=Cust1&unassigned=1"), "/?tenant=Cust1&unassigned=1");
  for (const bad of ["https://evil.example.com/", "//evil.example.com/", "/\\evil.example.com", "javascript:alert(1)", "/login?next=/", "https://["]) {
    assert.equal(to(bad), "/", bad);
  }
  assert.equal(nextPage("", "https://chats.example.com"), "/");
});
