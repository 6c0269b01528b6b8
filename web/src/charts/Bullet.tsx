//! A gate: the value with its 95 % interval beside the limit.
import type { State } from "@/api/loop";
import { extent, scale } from "./scale";

type Props = { value: number; low: number | null; high: number | null; bound: number; operator: string; state: State; label: string };

export function Bullet({ value, low, high, bound, operator, state, label }: Props) {
  const [width, height] = [168, 22];
  const [from, to] = extent([value, bound, low ?? value, high ?? value]);
  const room = (to - from || Math.abs(bound) || 1) * 0.35;
  const x = scale([from - room, to + room], [0, width]);
  const isUp = operator.startsWith(">");
  const color = `var(--${state === "thin" || state === "blocked" ? "none" : state})`;
  return (
    <svg width={width} height={height} viewBox={`0 0 ${width} ${height}`} role="img" aria-label={label} data-tip={label}>
      <rect x={0} y={10} width={width} height={2} fill="var(--line)" />
      <rect x={isUp ? x(bound) : 0} y={10} width={isUp ? width - x(bound) : x(bound)} height={2} fill="var(--ok)" opacity={0.35} />
      {low !== null && high !== null && <rect x={x(low)} y={7} width={Math.max(2, x(high) - x(low))} height={8} rx={2} fill={color} opacity={0.32} />}
      <rect x={x(value) - 1.5} y={4} width={3} height={14} rx={1.5} fill={color} />
      <line x1={x(bound)} x2={x(bound)} y1={1} y2={21} stroke="var(--ink)" strokeWidth={1.5} />
    </svg>
  );
}
