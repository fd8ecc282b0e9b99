import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import test from "node:test";

const here = new URL("../", import.meta.url);
const vendor = new URL("../../bindings/server/page/vendor/", here);
const sha256 = (file) => createHash("sha256").update(readFileSync(file)).digest("hex");

test("the lock file names no addresses", () => {
  const lock = readFileSync(new URL("package-lock.json", here), "utf8");
  assert.doesNotMatch(lock, /"resolved"|\.tgz/);
  for (const [path, entry] of Object.entries(JSON.parse(lock).packages)) {
    if (path !== "") assert.match(entry.integrity ?? "", /^sha512-/, `${path} has a checksum`);
  }
});

test("dependencies are pinned", () => {
  const { devDependencies } = JSON.parse(readFileSync(new URL("package.json", here), "utf8"));
  for (const [name, version] of Object.entries(devDependencies)) assert.match(version, /^\d+\.\d+\.\d+$/, name);
});

test("vendored files are byte for byte those of the npm packages", () => {
  const sums = readFileSync(new URL("SHA256SUMS", vendor), "utf8").trim().split("\n").map((line) => line.split(/\s+\*?/));
  const published = new Set();
  for (const name of ["preact", "htm"]) {
    for (const file of readdirSync(new URL(`node_modules/${name}/`, here), { recursive: true, withFileTypes: true })) {
      if (file.isFile()) published.add(sha256(`${file.parentPath ?? file.path}/${file.name}`));
    }
  }
  const listed = sums.map(([sum, name]) => {
    assert.ok(existsSync(new URL(name, vendor)), `${name} is there`);
    assert.equal(sha256(new URL(name, vendor)), sum, `${name} has the checksum of SHA256SUMS`);
    assert.ok(published.has(sum), `${name} is a file of the npm packages`);
    return name;
  });
  assert.deepEqual(readdirSync(vendor).filter((name) => !["SHA256SUMS", "README.md"].includes(name)).sort(), listed.sort());
  assert.ok(listed.some((name) => /preact/.test(name)) && listed.some((name) => /htm/.test(name)));
  assert.ok(listed.filter((name) => /licen[cs]e/i.test(name)).length >= 2, "with their licences");
});
