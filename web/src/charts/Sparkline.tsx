//! A small line without axes: what it says is in its label.
import { extent, path, scale } from "./scale";

export function Sparkline({ values, label, bound, width = 96, height = 24 }: { values: (number | null)[]; label: string; bound?: number | null; width?: number; height?: number }) {
  const known = values.filter((v): v is number => v !== null);
  if (known.length < 2) return <span className="mute" data-tip={label} aria-label={label} role="img">–</span>;
  const [low, high] = extent(bound === null || bound === undefined ? known : [...known, bound]);
  const x = scale([0, values.length - 1], [2, width - 4]);
  const y = scale([low, high], [height - 3, 3]);
  const last = values.findLastIndex((v) => v !== null);
  return (
    <svg width={width} height={height} viewBox={`0 0 ${width} ${height}`} role="img" aria-label={label} data-tip={label} style={{ color: "var(--s1)" }}>
      {bound !== null && bound !== undefined && <line x1={0} x2={width} y1={y(bound)} y2={y(bound)} stroke="var(--mute)" strokeDasharray="2 3" strokeWidth={1} />}
      <path d={path(values.map((v, i) => [x(i), v === null ? null : y(v)]))} fill="none" stroke="currentColor" strokeWidth={1.5} strokeLinejoin="round" />
      <circle cx={x(last)} cy={y(values[last] ?? 0)} r={2.2} fill="currentColor" />
    </svg>
  );
}
