//! Pure functions that charts share.

export type Range = [number, number];
export const scale = ([from, to]: Range, [start, end]: Range) => (value: number): number => start + (to === from ? 0.5 : (value - from) / (to - from)) * (end - start);

export function extent(values: number[]): Range {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return [low, high];
}

/** A path through points; a point without a value is a gap. */
export function path(points: [number, number | null][]): string {
  let isPenDown = false;
  let text = "";
  for (const [x, y] of points) {
    if (y === null) isPenDown = false;
    else {
      text += `${isPenDown ? "L" : "M"}${x.toFixed(1)},${y.toFixed(1)}`;
      isPenDown = true;
    }
  }
  return text;
}

const DAY = 86_400_000;
/** Beginnings of days, weeks, months or years within a range of times, and how they are written. */
export function timeTicks([low, high]: Range, wanted: number): { at: number; text: string }[] {
  const days = (high - low) / DAY;
  const months = days / 30.4 / wanted;
  if (months >= 0.7) {
    const step = [1, 2, 3, 6, 12, 24, 60, 120].find((s) => s >= months) ?? 120;
    const start = new Date(low);
    const found: { at: number; text: string }[] = [];
    for (let month = Math.ceil((start.getUTCMonth() + start.getUTCFullYear() * 12 + (start.getUTCDate() > 1 ? 1 : 0)) / step) * step; ; month += step) {
      const at = Date.UTC(Math.floor(month / 12), month % 12, 1);
      if (at > high || found.length > 40) return found;
      if (at >= low) found.push({ at, text: step >= 12 || month % 12 === 0 ? String(Math.floor(month / 12)) : (MONTHS[month % 12] ?? "") });
    }
  }
  const step = ([1 / 24, 1 / 8, 1 / 4, 1, 2, 7, 14].find((s) => s >= days / wanted) ?? 14) * DAY;
  return Array.from({ length: 60 }, (_, i) => (Math.ceil(low / step) + i) * step)
    .filter((at) => at <= high)
    .map((at) => ({ at, text: step < DAY ? new Date(at).toISOString().slice(11, 16) : `${new Date(at).getUTCDate()} ${MONTHS[new Date(at).getUTCMonth()]}` }));
}
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
