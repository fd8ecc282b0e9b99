// What the address says about the past. Pure functions.

const NAMES = ["as_of", "known_at"];
const MINUTE = 60_000;

/**
 * @typedef {{as_of?: string, known_at?: string}} Moment
 * @typedef {"as_of" | "known_at"} Truth `as_of`: as it was, corrected; `known_at`: as it was known
 */

/**
 * The moment of an address; `null` for now.
 * @param {string} search
 * @returns {Moment | null}
 */
export function momentOf(search) {
  const given = new URLSearchParams(search);
  const found = NAMES.filter((name) => given.get(name)).map((name) => [name, given.get(name)]);
  return found.length === 0 ? null : Object.fromEntries(found);
}

/**
 * The address at another moment. A page of a list is one of its moment, so the list begins again.
 * @param {{pathname: string, search: string}} address
 * @param {Moment | null} moment
 */
export function addressAt({ pathname, search }, moment) {
  const params = new URLSearchParams(search);
  for (const name of [...NAMES, "cursor", "from"]) params.delete(name);
  for (const [name, value] of Object.entries(moment ?? {})) params.set(name, value);
  // A time is easier to read with its colons.
  const query = params.toString().replaceAll("%3A", ":");
  return query ? `${pathname}?${query}` : pathname;
}

/** The parameters of a moment, to follow others: `&as_of=...`, or nothing. */
export function momentParams(moment) {
  return Object.entries(moment ?? {})
    .map(([name, value]) => `&${name}=${encodeURIComponent(value)}`)
    .join("");
}

/**
 * A moment by its time.
 * @param {Truth} truth
 * @param {number} at
 * @returns {Moment}
 */
export function momentAt(truth, at) {
  return { [truth]: new Date(at).toISOString().replace(".000Z", "Z") };
}

/**
 * The time of a moment, as far as the address says it.
 * @param {Moment | null} moment
 * @returns {number | null}
 */
export function timeOf(moment) {
  const bound = moment?.as_of ?? moment?.known_at ?? "";
  const at = /^\d{4}-\d\d-\d\d[Tt ]/.test(bound) ? Date.parse(bound) : NaN;
  return Number.isNaN(at) ? null : at;
}

/** @returns {Truth} */
export function truthOf(moment) {
  return moment && !("as_of" in moment) ? "known_at" : "as_of";
}

/** The whole minute up to a time. Every zone of today is a whole number of minutes from UTC. */
export function minuteOf(at) {
  return Math.floor(at / MINUTE) * MINUTE;
}

/**
 * A time some minutes away; `null` where that is now or later.
 * @param {number} at
 * @param {number} minutes
 * @param {number} now
 */
export function moved(at, minutes, now) {
  const next = minuteOf(at) + minutes * MINUTE;
  return next >= minuteOf(now) ? null : next;
}

/**
 * The time at which clocks show a time of day; on a day that is 23 or 25 hours long, the first such time.
 * @param {number} from the beginning of the day
 * @param {string} clock `14:05`
 * @param {(at: number) => string} clockAt
 * @returns {number | null}
 */
export function timeOnDay(from, clock, clockAt) {
  const [, hours, minutes] = /^(\d\d):(\d\d)/.exec(clock) ?? [];
  if (minutes === undefined) return null;
  const usual = from + (Number(hours) * 60 + Number(minutes)) * MINUTE;
  return [usual - 60 * MINUTE, usual, usual + 60 * MINUTE].find((at) => at >= from && clockAt(at) === `${hours}:${minutes}`) ?? null;
}
