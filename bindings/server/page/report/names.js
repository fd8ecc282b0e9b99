// The names of buckets and groups.
import * as format from "../format.js";
import { words as text } from "./text.js";

/** A bucket by its beginning: `Mon 30 Nov`, `Mon 30 Nov, 14:00`, `November 2026`. */
export function bucketName(from, every, zone) {
  if (every?.endsWith("mo")) return format.month(from, zone);
  return every?.endsWith("h") ? `${format.shortDate(from, zone)}, ${format.hourMinute(from, zone)}` : format.shortDate(from, zone);
}

/** A bucket under a chart, where little room is: hours of one day by the clock, of several days by the day. */
export function axisName(from, rows, every, zone) {
  if (!every.endsWith("h")) return bucketName(from, every, zone);
  const isOneDay = format.date(rows[0].from, zone) === format.date(rows.at(-1).from, zone);
  return isOneDay ? format.hourMinute(from, zone) : format.shortDate(from, zone);
}

/** A group in words, as far as they distinguish it. Two tenants can have agents of the same name. */
export function groupName(by) {
  return Object.entries(by)
    .map(([name, value]) => (name === "agent" && !("tenant" in by) && value !== null ? text.agentOf(text.group(name, value), value.tenant) : text.group(name, value)))
    .join(", ");
}

/** One value of a group, to show and to sort by. */
export function valueName(row, by) {
  const value = row.by[by] ?? null;
  return by === "agent" && !("tenant" in row.by) && value !== null ? text.agentOf(text.group(by, value), value.tenant) : text.group(by, value);
}
