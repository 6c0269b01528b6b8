//! The life of a model on one time axis: what was live, what it came to, what happened. Dragging chooses a part of the time.
import { useRef, useState } from "react";
import { extent, path, type Range, scale, timeTicks } from "./scale";
import { useWidth } from "./useWidth";

export type Bar = { from: number; to: number | null; text: string; href: string; tint: string };
export type Dot = { at: number; value: number | null; low?: number | null; high?: number | null; isProvisional?: boolean };
export type Line = { name: string; color: string; isDashed: boolean; dots: Dot[]; bound?: number | null };
export type Event = { at: number; glyph: string; color: string; text: string; href: string };
export type Lanes = { bars: Bar[]; lines: Line[]; events: Event[] };
type Props = Lanes & { range: Range; now: number; onRange: (range: Range) => void; onOpen: (href: string) => void; label: string; format: (value: number) => string; day: (at: number) => string };

const LEFT = 84;
const RIGHT = 14;
const LANE = { bars: 30, line: 84, events: 30, axis: 22 };

export function Timeline(props: Props) {
  const { bars, lines, events, range, now, onRange, onOpen, label, format, day } = props;
  const [box, width] = useWidth<HTMLDivElement>();
  const svg = useRef<SVGSVGElement>(null);
  const [cursor, setCursor] = useState<number | null>(null);
  const [drag, setDrag] = useState<number | null>(null);
  const x = scale(range, [LEFT, Math.max(LEFT + 10, width - RIGHT)]);
  const back = scale([LEFT, Math.max(LEFT + 10, width - RIGHT)], range);
  const isIn = (at: number): boolean => at >= range[0] && at <= range[1];
  const tops = { axis: 0, bars: LANE.axis, line: LANE.axis + LANE.bars + 8, events: LANE.axis + LANE.bars + 8 + (lines.length > 0 ? LANE.line + 8 : 0) };
  const height = tops.events + LANE.events;
  const values = lines.flatMap((l) => [...l.dots.filter((d) => isIn(d.at)).flatMap((d) => (d.value === null ? [] : [d.value])), ...(l.bound == null ? [] : [l.bound])]);
  const [low, high] = values.length > 0 ? extent(values) : [0, 1];
  const y = scale([low - (high - low) * 0.12, high + (high - low) * 0.12], [tops.line + LANE.line - 6, tops.line + 6]);
  const positionOf = (event: React.PointerEvent): number => event.clientX - (svg.current?.getBoundingClientRect().left ?? 0);
  const near = cursor === null ? [] : lines.map((l) => ({ line: l, dot: l.dots.filter((d) => d.value !== null && isIn(d.at)).sort((a, b) => Math.abs(x(a.at) - cursor) - Math.abs(x(b.at) - cursor))[0] })).filter((n) => n.dot && Math.abs(x(n.dot.at) - cursor) < 30);
  const end = (): void => {
    if (drag !== null && cursor !== null && Math.abs(drag - cursor) > 8) onRange([back(Math.min(drag, cursor)), back(Math.max(drag, cursor))]);
    setDrag(null);
  };
  return (
    <div ref={box} className="chart" style={{ minHeight: height }}>
      {width > 0 && (
        <svg ref={svg} width={width} height={height} role="group" aria-label={label} style={{ touchAction: "pan-y", cursor: "crosshair" }}
          onPointerMove={(e) => setCursor(positionOf(e))} onPointerLeave={() => { setCursor(null); setDrag(null); }} onPointerDown={(e) => setDrag(positionOf(e))} onPointerUp={end}>
          {timeTicks(range, Math.max(2, Math.floor((width - LEFT) / 90))).map((tick) => (
            <g key={tick.at}><line className="axis" x1={x(tick.at)} x2={x(tick.at)} y1={16} y2={height} /><text x={x(tick.at) + 4} y={12}>{tick.text}</text></g>
          ))}
          <text x={0} y={tops.bars + 18}>live</text>
          {bars.filter((b) => b.from <= range[1] && (b.to ?? now) >= range[0]).map((bar) => {
            const [from, to] = [Math.max(LEFT, x(bar.from)), Math.min(width - RIGHT, x(Math.min(bar.to ?? now, range[1])))];
            return (
              <a key={`${bar.from}${bar.text}`} href={bar.href} onClick={(e) => { e.preventDefault(); onOpen(bar.href); }} aria-label={`${bar.text}, ${day(bar.from)} to ${bar.to === null ? "now" : day(bar.to)}`} data-tip={`${bar.text}, ${day(bar.from)} to ${bar.to === null ? "now" : day(bar.to)}`}>
                <rect x={from} y={tops.bars + 3} width={Math.max(3, to - from - 1.5)} height={22} rx={4} fill={bar.tint} opacity={0.22} />
                <rect x={from} y={tops.bars + 3} width={3} height={22} rx={1.5} fill={bar.tint} />
                {to - from > 34 && <text className="strong" x={from + 10} y={tops.bars + 18}>{bar.text}</text>}
              </a>
            );
          })}
          {lines.map((line, index) => (
            <g key={line.name} style={{ color: line.color }}>
              <text x={0} y={tops.line + 16 + index * 18}>{line.name}</text>
              {line.bound != null && <><line x1={LEFT} x2={width - RIGHT} y1={y(line.bound)} y2={y(line.bound)} stroke="var(--mute)" strokeDasharray="2 4" /><text x={width - RIGHT} y={y(line.bound) - 4} textAnchor="end">{format(line.bound)}</text></>}
              <path d={path(line.dots.filter((d) => isIn(d.at)).map((d) => [x(d.at), d.value === null ? null : y(d.value)]))} fill="none" stroke="currentColor" strokeWidth={1.5} strokeDasharray={line.isDashed ? "3 4" : undefined} />
              {line.dots.filter((d) => d.value !== null && isIn(d.at)).map((d) => <circle key={d.at} cx={x(d.at)} cy={y(d.value ?? 0)} r={3} fill={line.isDashed || d.isProvisional ? "var(--panel)" : "currentColor"} stroke="currentColor" strokeWidth={1.5} />)}
            </g>
          ))}
          <text x={0} y={tops.events + 19}>events</text>
          {apart(events.filter((e) => isIn(e.at)), x).map(({ event, left }) => (
            <a key={`${event.at}${event.text}`} href={event.href} onClick={(e) => { e.preventDefault(); onOpen(event.href); }} aria-label={`${day(event.at)}: ${event.text}`} data-tip={`${day(event.at)}: ${event.text}`}>
              <text x={left} y={tops.events + 20} textAnchor="middle" style={{ fill: event.color, fontSize: 13, fontWeight: 620 }}>{event.glyph}</text>
            </a>
          ))}
          {drag !== null && cursor !== null && <rect x={Math.min(drag, cursor)} y={16} width={Math.abs(cursor - drag)} height={height - 16} fill="var(--accent)" opacity={0.1} />}
          {cursor !== null && cursor > LEFT && cursor < width - RIGHT && (
            <g pointerEvents="none">
              <line x1={cursor} x2={cursor} y1={16} y2={height} stroke="var(--mute)" strokeDasharray="1 3" />
              <text className="strong" x={Math.min(cursor + 6, width - 150)} y={height - 4}>{day(back(cursor))}{near.map(({ line, dot }) => ` · ${line.name} ${format(dot?.value ?? 0)}`)}</text>
            </g>
          )}
        </svg>
      )}
    </div>
  );
}

/** Events in their order, marks at least 13 px apart. */
function apart(events: Event[], x: (at: number) => number): { event: Event; left: number }[] {
  let last = -Infinity;
  return [...events].sort((a, b) => a.at - b.at).map((event) => {
    last = Math.max(x(event.at), last + 13);
    return { event, left: last };
  });
}
