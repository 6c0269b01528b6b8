//! A difference with its interval around zero: which way it leans, and whether it covers zero.
import { scale } from "./scale";

/** `zero` is where "no difference" lies: 0, and 1 of a ratio. */
export function Difference({ value, low, high, zero, isLowerBetter, label }: { value: number; low: number | null; high: number | null; zero: number; isLowerBetter: boolean; label: string }) {
  const [width, height] = [140, 22];
  const reach = Math.max(Math.abs(value - zero), Math.abs((low ?? value) - zero), Math.abs((high ?? value) - zero)) * 1.15 || 1;
  const x = scale([zero - reach, zero + reach], [0, width]);
  const isSure = low !== null && high !== null && (low > zero || high < zero);
  const isBetter = isLowerBetter ? value < zero : value > zero;
  const color = !isSure ? "var(--none)" : isBetter ? "var(--ok)" : "var(--bad)";
  return (
    <svg width={width} height={height} viewBox={`0 0 ${width} ${height}`} role="img" aria-label={label} data-tip={label}>
      <rect x={0} y={10} width={width} height={2} fill="var(--line)" />
      <rect x={x(low ?? zero - reach)} y={7} width={Math.max(2, x(high ?? zero + reach) - x(low ?? zero - reach))} height={8} rx={2} fill={color} opacity={0.32} />
      <rect x={x(value) - 1.5} y={4} width={3} height={14} rx={1.5} fill={color} />
      <line x1={x(zero)} x2={x(zero)} y1={1} y2={21} stroke="var(--ink)" strokeWidth={1.5} />
    </svg>
  );
}
