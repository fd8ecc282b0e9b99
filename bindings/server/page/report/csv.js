// A report as the CSV of `convofold report --format csv`: one column for each number, so that a spreadsheet can read it. Pure.
import { rfc3339 } from "./period.js";

/** What makes a spreadsheet take a cell for a formula, also in full width. */
const FORMULA = /^\s*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]/;
const NUMBER = /^[+-]?\d+(\.\d+)?$/;

/**
 * @param {object[]} rows of an answer
 * @param {string} zone of its times
 */
export function csvOf(rows, zone) {
  const records = rows.map((row) => [
    ["from", rfc3339(row.from, zone)],
    ["to", rfc3339(row.to, zone)],
    ...Object.entries(row.by).flatMap(groupCells),
    ...Object.entries(row).filter(([name]) => !["from", "to", "by"].includes(name)).flatMap(numberCells),
  ]);
  const header = records[0]?.map(([name]) => name) ?? [];
  return [header, ...records.map((cells) => cells.map(([, value]) => value))].map((cells) => `${cells.map(quoted).join()}\r\n`).join("");
}

function groupCells([name, value]) {
  if (name !== "agent") return [[name, value]];
  return ["tenant", "id", "name"].map((part) => [`agent_${part}`, value?.[part] ?? null]);
}

function numberCells([measure, value]) {
  if (value === null || typeof value !== "object") return [[measure, value]];
  const { unknown, ...parts } = value;
  return Object.entries({ ...parts, ...(unknown !== undefined && { unknown }) }).map(([part, number]) => [`${measure}_${part}`, number]);
}

function quoted(value) {
  if (value === null) return "";
  const text = typeof value === "string" && FORMULA.test(value) && !NUMBER.test(value) ? `'${value}` : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
