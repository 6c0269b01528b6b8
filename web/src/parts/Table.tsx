//! A table: sorted by its address, rows opened and selected by key, only what is near the screen in the document.
import { useNavigate } from "@tanstack/react-router";
import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { type ReactNode, useRef } from "react";
import { To } from "./basics";
import { useKeys } from "./keys";
import { useUrlState } from "./url";

export type Column<R> = {
  key: string;
  head: ReactNode;
  cell: (row: R) => ReactNode;
  /** What it sorts by; without it, it does not. */
  by?: (row: R) => number | string | null | undefined;
  right?: boolean;
  fit?: boolean;
  /** Text that is cut at the end of its cell; the whole of it is in the tip. */
  clip?: boolean;
};

type Props<R> = {
  label: string;
  rows: R[];
  columns: Column<R>[];
  id: (row: R) => string;
  href?: (row: R) => string | undefined;
  tall?: boolean;
  selected?: Set<string>;
  onSelect?: (id: string) => void;
  isCurrent?: (row: R) => boolean;
  more?: { has: boolean; load: () => void; isLoading: boolean } | undefined;
};

/** Rows below this number are all drawn. */
const VIRTUAL_FROM = 150;

export function Table<R>({ label, rows, columns, id, href, tall, selected, onSelect, isCurrent, more }: Props<R>) {
  const [search, change] = useUrlState();
  const body = useRef<HTMLTableSectionElement>(null);
  const navigate = useNavigate();
  const sorted = sortRows(rows, columns, search["sort"]);
  const isVirtual = sorted.length > VIRTUAL_FROM;
  const height = tall ? 44 : 32;
  const virtual = useWindowVirtualizer({ count: isVirtual ? sorted.length : 0, estimateSize: () => height, overscan: 12, scrollMargin: body.current?.offsetTop ?? 0 });
  const items = virtual.getVirtualItems();
  const first = isVirtual ? (items[0]?.index ?? 0) : 0;
  const last = isVirtual ? (items.at(-1)?.index ?? -1) : sorted.length - 1;

  const rowsOf = (): HTMLTableRowElement[] => [...(body.current?.querySelectorAll<HTMLTableRowElement>("tr[data-id]") ?? [])];
  const at = (): number => rowsOf().findIndex((row) => row.contains(document.activeElement));
  const focus = (index: number): void => {
    const all = rowsOf();
    const row = all[Math.max(0, Math.min(index, all.length - 1))];
    row?.querySelector<HTMLElement>("a, button, input")?.focus();
    row?.scrollIntoView({ block: "nearest" });
  };
  useKeys({
    j: () => focus(at() + 1),
    k: () => focus(Math.max(0, at() - 1)),
    ...(onSelect ? { x: () => { const chosen = rowsOf()[at()]?.dataset["id"]; if (chosen) onSelect(chosen); } } : {}),
  });

  const open = (row: R) => (event: React.MouseEvent) => {
    const target = href?.(row);
    if (!target || (event.target as Element).closest("a, button, input, summary") || getSelection()?.toString()) return;
    const [to = "/", query] = target.split("?");
    void navigate({ to, search: (query ? Object.fromEntries(new URLSearchParams(query)) : {}) as never });
  };
  const span = columns.length + (onSelect ? 1 : 0);
  return (
    <div className="table">
      <table className={tall ? "tall" : ""} aria-label={label} aria-rowcount={sorted.length}>
        <thead>
          <tr>
            {onSelect && <th className="fit"><span className="sr">Selected</span></th>}
            {columns.map((column) => <Heading key={column.key} column={column} sort={search["sort"]} onSort={(sort) => change({ sort })} />)}
          </tr>
        </thead>
        <tbody ref={body}>
          {first > 0 && <tr aria-hidden="true"><td colSpan={span} style={{ height: first * height, padding: 0 }} /></tr>}
          {sorted.slice(first, last + 1).map((row) => {
            const key = id(row);
            const target = href?.(row);
            return (
              <tr key={key} data-id={key} onClick={open(row)} className={`${target ? "open" : ""} ${selected?.has(key) ? "chosen" : ""}`} aria-current={isCurrent?.(row) ? "true" : undefined}>
                {onSelect && <td className="fit"><input type="checkbox" aria-label={`Select ${key}`} checked={selected?.has(key) ?? false} onChange={() => onSelect(key)} /></td>}
                {columns.map((column, index) => (
                  <td key={column.key} className={`${column.right ? "right" : ""} ${column.fit ? "fit" : ""} ${column.clip ? "clip" : ""}`}>
                    {index === 0 && target ? <To href={target} className="row-link">{column.cell(row)}</To> : column.cell(row)}
                  </td>
                ))}
              </tr>
            );
          })}
          {last < sorted.length - 1 && <tr aria-hidden="true"><td colSpan={span} style={{ height: (sorted.length - 1 - last) * height, padding: 0 }} /></tr>}
        </tbody>
      </table>
      {more?.has && (
        <div className="more">
          <button type="button" className="button small" disabled={more.isLoading} onClick={more.load}>Show more</button>
          {rows.length} shown
        </div>
      )}
    </div>
  );
}

function Heading<R>({ column, sort, onSort }: { column: Column<R>; sort: string | undefined; onSort: (sort: string | undefined) => void }) {
  const name = column.right ? "right" : "";
  if (!column.by) return <th scope="col" className={name}>{column.head}</th>;
  const isUp = sort === column.key;
  const isDown = sort === `-${column.key}`;
  const next = isDown ? column.key : isUp ? undefined : `-${column.key}`;
  return (
    <th scope="col" className={name} aria-sort={isUp ? "ascending" : isDown ? "descending" : "none"}>
      <button type="button" onClick={() => onSort(next)}>{column.head}{isUp ? " ↑" : isDown ? " ↓" : ""}</button>
    </th>
  );
}

/** Sorted by `key` or `-key`; absent values stay last; equal ones in their order. */
export function sortRows<R>(rows: R[], columns: Pick<Column<R>, "key" | "by">[], sort: string | undefined): R[] {
  const isDown = sort?.startsWith("-") ?? false;
  const by = columns.find((column) => column.key === (isDown ? sort?.slice(1) : sort))?.by;
  if (!by) return rows;
  const compare = (a: number | string, b: number | string): number => (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true }));
  return [...rows].sort((a, b) => {
    const [x, y] = [by(a) ?? null, by(b) ?? null];
    if (x === null || y === null) return x === y ? 0 : x === null ? 1 : -1;
    return isDown ? compare(y, x) : compare(x, y);
  });
}
