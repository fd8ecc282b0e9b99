// Numbers, times, durations and ids as text. Pure functions: the same arguments give the same text.

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** What stands for a value that is absent. */
export const NONE = "–";

const padded = (n) => String(n).padStart(2, "0");

/**
 * A duration that ticks: always two units, the second one padded, so that its width rarely changes.
 * `0m 22s`, `24m 41s`, `1h 04m`, `2d 03h`.
 * @param {number} ms
 */
export function age(ms) {
  const at = Math.max(0, ms);
  if (at < HOUR) return `${Math.floor(at / MINUTE)}m ${padded(Math.floor((at % MINUTE) / SECOND))}s`;
  if (at < DAY) return `${Math.floor(at / HOUR)}h ${padded(Math.floor((at % HOUR) / MINUTE))}m`;
  return `${Math.floor(at / DAY)}d ${padded(Math.floor((at % DAY) / HOUR))}h`;
}

/**
 * The larger unit of an age: `24m`, `1h`.
 * @param {number} ms
 */
export function minutes(ms) {
  return age(ms).split(" ")[0];
}

/**
 * A duration inside a sentence: `0 s`, `48 s`, `1m 12s`, `3h 12m`.
 * @param {number} ms
 */
export function span(ms) {
  return ms < MINUTE ? `${Math.floor(Math.max(0, ms) / SECOND)} s` : age(ms);
}

/**
 * A round duration in words: `2 minutes`, `90 seconds`, `1 hour`.
 * @param {number} ms
 */
export function spoken(ms) {
  for (const [unit, name] of [[DAY, "day"], [HOUR, "hour"], [MINUTE, "minute"]]) {
    if (ms >= unit && ms % unit === 0) return plural(ms / unit, name);
  }
  return plural(Math.floor(ms / SECOND), "second");
}

/** `1 minute`, `2 minutes`. */
export function plural(n, noun, nouns = `${noun}s`) {
  return `${count(n)} ${n === 1 ? noun : nouns}`;
}

const COUNT = new Intl.NumberFormat("en");

/** `81,204` */
export function count(n) {
  return COUNT.format(n);
}

/**
 * A size, in units of 1,024: `512 bytes`, `1.4 MiB`.
 * @param {number} n
 */
export function bytes(n) {
  const units = ["KiB", "MiB", "GiB", "TiB"];
  const power = n < 1024 ? 0 : Math.min(units.length, Math.floor(Math.log2(n) / 10));
  return power === 0 ? plural(n, "byte") : `${(n / 1024 ** power).toFixed(1)} ${units[power - 1]}`;
}

const UNITS = { s: SECOND, m: MINUTE, h: HOUR, d: DAY };

/**
 * A duration as parameters have it, in milliseconds: `5m`, `90s`, and `0`. `null` if it is not one.
 * @param {string} text
 * @returns {number | null}
 */
export function parseDuration(text) {
  if (text === "0") return 0;
  const [, n, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  return unit ? Number(n) * UNITS[unit] : null;
}

/**
 * A duration as parameters have it: `5m`, `90s`.
 * @param {number} ms
 */
export function duration(ms) {
  for (const unit of ["d", "h", "m"]) {
    if (ms >= UNITS[unit] && ms % UNITS[unit] === 0) return `${ms / UNITS[unit]}${unit}`;
  }
  return `${Math.floor(ms / SECOND)}s`;
}

const formats = new Map();

/** Formats are costly to make and cheap to use, so each is made once. */
function format(options, zone) {
  const key = `${zone} ${Object.values(options).join()}`;
  let made = formats.get(key);
  if (!made) {
    made = new Intl.DateTimeFormat("en-GB", { ...options, timeZone: zone });
    formats.set(key, made);
  }
  return made;
}

const HOUR_MINUTE = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
const TIME = { ...HOUR_MINUTE, second: "2-digit" };
const MILLIS = { ...TIME, fractionalSecondDigits: 3 };
const WEEKDAY = { weekday: "long" };
const DATE = { day: "numeric", month: "long", year: "numeric" };
const SHORT_DATE = { weekday: "short", day: "numeric", month: "short" };
const MONTH = { month: "long", year: "numeric" };
const ZONE = { timeZoneName: "short" };

/** `14` */
export function hour(at, zone) {
  return hourMinute(at, zone).slice(0, 2);
}

/** `14:22` */
export function hourMinute(at, zone) {
  return format(HOUR_MINUTE, zone).format(at);
}

/** `14:21:45` */
export function time(at, zone) {
  return format(TIME, zone).format(at);
}

/** `14:21:45.014` */
export function timeWithMillis(at, zone) {
  return format(MILLIS, zone).format(at);
}

/** `Thursday 26 November 2026` */
export function date(at, zone) {
  return `${weekday(at, zone)} ${format(DATE, zone).format(at)}`;
}

/** `Thu 26 Nov` */
export function shortDate(at, zone) {
  return format(SHORT_DATE, zone).format(at).replace(",", "");
}

/** `November 2026` */
export function month(at, zone) {
  return format(MONTH, zone).format(at);
}

/** `Thursday` */
export function weekday(at, zone) {
  return format(WEEKDAY, zone).format(at);
}

/** `CET` */
export function zoneName(at, zone) {
  return format(ZONE, zone).formatToParts(at).find((part) => part.type === "timeZoneName").value;
}

/** `14:21:45.014 CET, Thursday 26 November 2026` */
export function exact(at, zone) {
  return `${timeWithMillis(at, zone)} ${zoneName(at, zone)}, ${date(at, zone)}`;
}

/**
 * An id in two parts: the first one may be cut off, the last four characters stay visible.
 * @param {string} id
 * @returns {[string, string]}
 */
export function idParts(id) {
  const characters = [...id];
  return characters.length > 8 ? [characters.slice(0, -4).join(""), characters.slice(-4).join("")] : [id, ""];
}

/**
 * An id in few characters: its beginning and its end. Names stay whole.
 * @param {string} id
 */
export function shortId(id) {
  const characters = [...id];
  return characters.length > 20 ? `${characters.slice(0, 8).join("")}…${characters.slice(-4).join("")}` : id;
}

/** A channel as people say it: `in app`. */
export function channel(name) {
  return name == null ? NONE : name.replaceAll("_", " ");
}

/** The path of the page of a conversation. */
export function conversationPath(id) {
  return `/c/${encodeURIComponent(id)}`;
}
