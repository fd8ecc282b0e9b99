// The order of the rows of a report. Pure.
import { numberOf } from "./measures.js";

/** A column: `from`, `by.agent`, `response.p90` or `started`. */
export function columnOf(sort) {
  return sort === null ? null : sort.replace(/^-/, "");
}

/** The next order of a column: numbers begin with the largest, and a second choice reverses. */
export function nextSort(sort, column) {
  const isText = column === "from" || column.startsWith("by.");
  if (columnOf(sort) !== column) return isText ? column : `-${column}`;
  return sort.startsWith("-") ? column : `-${column}`;
}

/**
 * Rows in an order. Those without a value come last, and equal ones stay as the server has them.
 * @param {object[]} rows
 * @param {string | null} sort
 * @param {(row: object, by: string) => string} nameOf a group in words
 */
export function sorted(rows, sort, nameOf) {
  if (sort === null) return rows;
  const column = columnOf(sort);
  const direction = sort.startsWith("-") ? -1 : 1;
  const valueOf = valuesOf(column, nameOf);
  const keyed = rows.map((row) => ({ row, value: valueOf(row) }));
  keyed.sort((a, b) => {
    if (a.value === null || b.value === null) return Number(a.value === null) - Number(b.value === null);
    return direction * (typeof a.value === "string" ? a.value.localeCompare(b.value) : a.value - b.value);
  });
  return keyed.map(({ row }) => row);
}

function valuesOf(column, nameOf) {
  if (column === "from") return (row) => row.from;
  if (column.startsWith("by.")) return (row) => nameOf(row, column.slice(3));
  const [measure, part = ""] = column.split(".");
  return (row) => numberOf(row[measure], part);
}
