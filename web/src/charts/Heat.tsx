//! Columns × windows as a heat map on canvas. The scale is absolute: 0, the threshold, twice the threshold. Too few rows are hatched.
import { useEffect, useRef, useState } from "react";
import { useWidth } from "./useWidth";

export type HeatCell = { value: number | null; isThin: boolean };
export type HeatRow = { name: string; cells: HeatCell[] };
type Props = { rows: HeatRow[]; columns: string[]; threshold: number; label: string; format: (value: number) => string; onChoose: (row: number, column: number) => void; chosen: [number, number] | null };

const ROW = 22;
const LEFT = 128;
const RIGHT = 64;

/** Which of the six colours a value has: the threshold lies between the third and the fourth. */
export const heatStep = (value: number, threshold: number): number => Math.max(0, Math.min(5, Math.floor((value / threshold) * 3)));

export function Heat({ rows, columns, threshold, label, format, onChoose, chosen }: Props) {
  const [box, width] = useWidth<HTMLDivElement>();
  const canvas = useRef<HTMLCanvasElement>(null);
  const [theme, setTheme] = useState(0);
  const height = rows.length * ROW + 20;
  const cell = (width - LEFT - RIGHT) / Math.max(1, columns.length);
  useEffect(() => {
    const onTheme = (): void => setTheme((n) => n + 1);
    window.addEventListener("kilter-theme", onTheme);
    return () => window.removeEventListener("kilter-theme", onTheme);
  }, []);
  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (!canvas.current || !context || width === 0) return;
    const style = getComputedStyle(document.documentElement);
    const token = (name: string): string => style.getPropertyValue(name).trim();
    const ratio = devicePixelRatio || 1;
    Object.assign(canvas.current, { width: width * ratio, height: height * ratio });
    context.scale(ratio, ratio);
    context.clearRect(0, 0, width, height);
    context.textBaseline = "middle";
    rows.forEach((row, r) => {
      context.font = `12px ${token("--font")}`;
      context.textAlign = "left";
      context.fillStyle = token("--ink");
      context.fillText(row.name.length > 18 ? `${row.name.slice(0, 17)}…` : row.name, 0, r * ROW + ROW / 2);
      row.cells.forEach((c, i) => {
        const [x, y, w, h] = [LEFT + i * cell, r * ROW + 1, Math.max(1, cell - 1), ROW - 2];
        if (c.value === null) hatch(context, x, y, w, h, token("--line"));
        else {
          context.fillStyle = token(`--h${heatStep(c.value, threshold)}`);
          context.fillRect(x, y, w, h);
        }
        if (chosen?.[0] === r && chosen[1] === i) {
          context.strokeStyle = token("--ink");
          context.lineWidth = 2;
          context.strokeRect(x + 1, y + 1, w - 2, h - 2);
        }
      });
      const last = row.cells.findLast((c) => c.value !== null)?.value;
      context.textAlign = "right";
      context.fillStyle = last != null && last >= threshold ? token("--warn") : token("--mute");
      context.fillText(last == null ? "–" : format(last), width, r * ROW + ROW / 2);
    });
    context.textAlign = "left";
    context.font = `11px ${token("--font")}`;
    context.fillStyle = token("--mute");
    const every = Math.ceil(60 / Math.max(1, cell));
    columns.forEach((name, i) => i % every === 0 && context.fillText(name, LEFT + i * cell, height - 8));
  }, [rows, columns, width, height, cell, threshold, chosen, theme, format]);
  const at = (event: React.MouseEvent): [number, number] | null => {
    const bounds = canvas.current?.getBoundingClientRect();
    if (!bounds) return null;
    const [row, column] = [Math.floor((event.clientY - bounds.top) / ROW), Math.floor((event.clientX - bounds.left - LEFT) / cell)];
    return row >= 0 && row < rows.length && column < columns.length ? [row, Math.max(0, column)] : null;
  };
  return (
    <div ref={box} className="chart" style={{ minHeight: height }}>
      <canvas ref={canvas} role="img" aria-label={label} style={{ width, height, cursor: "pointer" }} onClick={(event) => { const found = at(event); if (found) onChoose(...found); }}
        onPointerMove={(event) => {
          const found = at(event);
          const c = found && rows[found[0]]?.cells[found[1]];
          if (canvas.current) canvas.current.title = found && c ? `${rows[found[0]]?.name}, ${columns[found[1]]}: ${c.value === null ? "not enough rows" : format(c.value)}` : "";
        }} />
    </div>
  );
}

function hatch(context: CanvasRenderingContext2D, x: number, y: number, w: number, h: number, color: string): void {
  context.save();
  context.beginPath();
  context.rect(x, y, w, h);
  context.clip();
  context.strokeStyle = color;
  context.lineWidth = 1;
  context.beginPath();
  for (let i = -h; i < w; i += 5) {
    context.moveTo(x + i, y + h);
    context.lineTo(x + i + h, y);
  }
  context.stroke();
  context.restore();
}
