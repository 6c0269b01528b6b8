//! Numbers, times and durations as the UI writes them. A value that is absent is `–`, never 0.

export const ABSENT = "–";
const THIN = "\u202f";

/** 3 to 4 significant digits, thin-space groups, no exponent between 1e-4 and 1e15. */
export function number(value: number | null | undefined, digits = 4): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return ABSENT;
  if (value === 0) return "0";
  const magnitude = Math.abs(value);
  if (magnitude < 1e-4 || magnitude >= 1e15) return value.toExponential(2).replace("e+", "e");
  const decimals = Math.max(0, digits - 1 - Math.floor(Math.log10(magnitude)));
  const fixed = magnitude >= 10 ** digits ? value.toFixed(0) : value.toFixed(Math.min(decimals, 8));
  // A value that has fewer digits by itself (a limit of 0.62) is written as it is; a measured one keeps its zeros, so that columns align.
  const own = String(value);
  return group(own.length < fixed.length ? own : fixed);
}

function group(text: string): string {
  const [whole = "", rest] = text.split(".");
  const isLong = whole.replace("-", "").length > 4;
  const grouped = isLong ? whole.replace(/\B(?=(\d{3})+$)/g, THIN) : whole;
  return (rest === undefined ? grouped : `${grouped}.${rest}`).replace("-", "−");
}

export const count = (value: number | null | undefined): string => (value === null || value === undefined ? ABSENT : group(String(Math.round(value))));

/** `0.791 ±.004` where the interval is even, else `0.791 [0.784, 0.801]`; the value alone without an interval. */
export function interval(value: number | null | undefined, low: number | null | undefined, high: number | null | undefined): string {
  const text = number(value);
  if (value === null || value === undefined || low === null || low === undefined || high === null || high === undefined) return text;
  const below = value - low;
  const above = high - value;
  if (below > 0 && above > 0 && Math.max(below, above) < 1.25 * Math.min(below, above)) {
    return `${text} ±${number(Math.max(below, above), 2).replace(/^0\./, ".")}`;
  }
  return `${text} [${number(low, 3)}, ${number(high, 3)}]`;
}

export const percent = (share: number | null | undefined): string => (share === null || share === undefined ? ABSENT : `${number(share * 100, 3)} %`);

/** `412 ms`, `14 s`, `14 m`, `2 h 10 min`, `3 d`. */
export function duration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined || !Number.isFinite(ms) || ms < 0) return ABSENT;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  return `${Math.round(hours / 24)} d`;
}

const DAY = 86_400_000;

/** `now`, `3 min ago`, `2 h ago`, `5 d ago`; past a month the date. Of times to come: `in 3 d`. */
export function relative(at: string | null | undefined, now: number): string {
  if (!at) return ABSENT;
  const ms = now - Date.parse(at);
  if (Math.abs(ms) < 60_000) return "now";
  if (Math.abs(ms) > 31 * DAY) return day(at);
  const size = Math.abs(ms);
  const text = size < 3_600_000 ? `${Math.floor(size / 60_000)} min` : size < DAY ? `${Math.floor(size / 3_600_000)} h` : `${Math.floor(size / DAY)} d`;
  return ms > 0 ? `${text} ago` : `in ${text}`;
}

const DATE = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
const EXACT = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });
const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;

export const day = (at: string | null | undefined): string => (at ? DATE.format(Date.parse(at)) : ABSENT);
/** The exact time in the zone of the browser, which is named. */
export const exact = (at: string | null | undefined): string => (at ? `${EXACT.format(Date.parse(at))} ${ZONE}` : ABSENT);
export const clock = (at: number): string => new Date(at).toLocaleTimeString("en-GB");

/** `3 models`, `1 model`. */
export const plural = (n: number, one: string, many = `${one}s`): string => `${count(n)} ${n === 1 ? one : many}`;

export function bytes(size: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return `${number(size, 3)} ${units[unit]}`;
}

/** `user:ana` is `ana`; a service and the platform say that they are one. */
export function person(actor: string | null | undefined): string {
  if (!actor) return ABSENT;
  return actor.startsWith("user:") ? actor.slice(5) : actor;
}
export const short = (digest: string | null | undefined, length = 8): string => (digest ? digest.slice(0, length) : ABSENT);
/** The last digits of a UUID tell runs apart; the first ones are the time. */
export const shortId = (id: string): string => (id.length === 36 ? id.slice(-8) : id.slice(0, 8));
export const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
export const sentence = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1).replaceAll("_", " ");
/** Signs of comparison as people write them. */
export const signs = (text: string): string => text.replaceAll(">=", "≥").replaceAll("<=", "≤");
/** The first part of a long sentence of the server: what it says in brackets is detail. */
export const headline = (text: string): string => signs(text.split(" (")[0]?.split("; note:")[0] ?? text);
