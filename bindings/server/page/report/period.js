// Days and periods in a zone. Pure functions; a date is a text such as `2026-11-30`.

const DAY_MS = 86_400_000;

const formats = new Map();

/** The civil time of an instant: year, month, day, hour, minute and second. */
function civil(at, zone) {
  let format = formats.get(zone);
  if (!format) {
    const options = { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23", timeZone: zone };
    format = new Intl.DateTimeFormat("en-GB", options);
    formats.set(zone, format);
  }
  const parts = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, value]));
  return { date: `${parts.year}-${parts.month}-${parts.day}`, clock: `${parts.hour}:${parts.minute}:${parts.second}` };
}

/** The date of an instant. */
export function dateOf(at, zone) {
  return civil(at, zone).date;
}

/** The value of a `datetime-local` field for an instant: `2026-11-30T14:05`. */
export function localOf(at, zone) {
  const { date, clock } = civil(at, zone);
  return `${date}T${clock.slice(0, 5)}`;
}

/** An instant with the offset of its zone: `2026-11-30T14:05:00.000+01:00`. */
export function rfc3339(at, zone) {
  const { date, clock } = civil(at, zone);
  const second = Math.floor(at / 1000) * 1000;
  const minutes = (Date.parse(`${date}T${clock}Z`) - second) / 60_000;
  const two = (n) => String(Math.floor(n)).padStart(2, "0");
  const offset = `${minutes < 0 ? "-" : "+"}${two(Math.abs(minutes) / 60)}:${two(Math.abs(minutes) % 60)}`;
  return `${date}T${clock}.${String(at - second).padStart(3, "0")}${zone === "UTC" ? "Z" : offset}`;
}

/** A date some days later. */
export function addDays(date, days) {
  return new Date(Date.parse(`${date}T00:00Z`) + days * DAY_MS).toISOString().slice(0, 10);
}

/** The Monday of the week of a date. */
export function mondayOf(date) {
  return addDays(date, -((new Date(`${date}T00:00Z`).getUTCDay() + 6) % 7));
}

export function isDate(text) {
  return /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text));
}

/**
 * The instant at which the clocks of a zone show a time. Of two such instants it is the first; in an hour that the clocks skip it
 * is the same time by the offset of before.
 * @param {string} local `2026-11-30T14:05`
 * @param {string} zone
 * @returns {number | null}
 */
export function instantOf(local, zone) {
  const asUtc = Date.parse(`${local}Z`);
  if (Number.isNaN(asUtc)) return null;
  const offsetAt = (at) => {
    const { date, clock } = civil(at, zone);
    return Date.parse(`${date}T${clock}Z`) - Math.floor(at / 1000) * 1000;
  };
  // No clock is a day away from UTC, and none changes twice in two days.
  const [before, after] = [asUtc - offsetAt(asUtc - DAY_MS), asUtc - offsetAt(asUtc + DAY_MS)];
  return asUtc - offsetAt(before) === before ? before : asUtc - offsetAt(after) === after ? after : before;
}

/**
 * The periods to choose from, each with the buckets that suit it. `to` is the first day after it.
 * @param {string} today
 * @returns {Record<string, {from: string, to: string, every: string}>}
 */
export function periods(today) {
  const [monday, tomorrow] = [mondayOf(today), addDays(today, 1)];
  return {
    today: { from: today, to: tomorrow, every: "1h" },
    yesterday: { from: addDays(today, -1), to: today, every: "1h" },
    thisWeek: { from: monday, to: addDays(monday, 7), every: "1d" },
    lastWeek: { from: addDays(monday, -7), to: monday, every: "1d" },
    last30Days: { from: addDays(today, -29), to: tomorrow, every: "1d" },
  };
}

/**
 * The name of the period that an address has, or `null`.
 * @param {{from: string | null, to: string | null}} bounds
 * @param {string} today
 */
export function periodOf({ from, to }, today) {
  const found = Object.entries(periods(today)).find(([, period]) => period.from === from && period.to === to);
  return found?.[0] ?? null;
}
