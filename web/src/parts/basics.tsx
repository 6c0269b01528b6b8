//! Small parts that every page is made of.
import { Link } from "@tanstack/react-router";
import { Fragment, type ReactNode } from "react";
import { ApiError } from "@/api/client";
import { type Cell, type Loop, type State, glyphs } from "@/api/loop";
import { exact, relative } from "@/words/format";
import { stages, stateWords, words } from "@/words/words";
import { useNow } from "./now";

/** A link to an address that is data, as cells and results have it. */
export function To({ href, className, children, ...rest }: { href: string; className?: string | undefined; children: ReactNode; [attribute: `data-${string}` | `aria-${string}`]: string | undefined }) {
  const [to = "/", query] = href.split("?");
  return (
    <Link to={to} search={(query ? Object.fromEntries(new URLSearchParams(query)) : {}) as never} className={className ?? ""} {...rest}>
      {children}
    </Link>
  );
}

export function Chip({ state, children, tip }: { state: State; children?: ReactNode; tip?: string | undefined }) {
  return (
    <span className={`chip s-${state}`} data-tip={tip}>
      <span aria-hidden="true">{glyphs[state]}</span>
      {children ?? stateWords[state]}
    </span>
  );
}

export function Plain({ children, tip }: { children: ReactNode; tip?: string }) {
  return <span className="chip plain" data-tip={tip}>{children}</span>;
}

/** One plain sentence: state, the number that decides it, what happens next. */
export function Verdict({ state, children }: { state: State; children: ReactNode }) {
  return (
    <p className="verdict">
      <span className={`glyph s-${state}`} role="img" aria-label={stateWords[state]}>{glyphs[state]}</span>
      <span>{children}</span>
    </p>
  );
}

const sentenceOf = (cell: Cell): string => `${stages[cell.stage]}: ${cell.word}${cell.detail ? `, ${cell.detail}` : ""}`;

/** The six cells: glyph, tint, tip, link to the evidence. Screen readers get one sentence. */
export function Mark({ loop }: { loop: Loop }) {
  return (
    <span className="mark" role="group" aria-label={loop.map(sentenceOf).join(". ")}>
      {loop.map((cell) => (
        <To key={cell.stage} href={cell.href} className={`cell s-${cell.state}`} data-tip={sentenceOf(cell)} aria-label={sentenceOf(cell)}>
          <span aria-hidden="true">{glyphs[cell.state]}</span>
        </To>
      ))}
    </span>
  );
}

/** The mark with its words, as a band over a page. */
export function Band({ loop }: { loop: Loop }) {
  return (
    <nav className="band" aria-label="The loop of this model">
      {loop.map((cell) => (
        <To key={cell.stage} href={cell.href} data-tip={cell.detail ?? undefined}>
          <span className="stage">{stages[cell.stage]}</span>
          <span className={`word s-${cell.state}`}>
            <span aria-hidden="true">{glyphs[cell.state]}</span> {cell.word}
          </span>
          <span className="detail">{cell.detail ?? "\u00a0"}</span>
        </To>
      ))}
    </nav>
  );
}

export function Panel({ title, aside, children, flush }: { title?: ReactNode; aside?: ReactNode; children: ReactNode; flush?: boolean }) {
  return (
    <section className="panel">
      {title !== undefined && (
        <header>
          <h2>{title}</h2>
          <span className="grow" />
          {aside !== undefined && <span className="small mute">{aside}</span>}
        </header>
      )}
      {flush ? children : <div className="body">{children}</div>}
    </section>
  );
}

export function Head({ title, after, verdict, meta, actions }: { title: ReactNode; after?: ReactNode; verdict?: ReactNode; meta?: ReactNode; actions?: ReactNode }) {
  return (
    <header className="head">
      <div>
        <div className="title">
          <h1>{title}</h1>
          {after}
        </div>
        {verdict}
        {meta !== undefined && <p className="mute small">{meta}</p>}
      </div>
      {actions !== undefined && <div className="actions">{actions}</div>}
    </header>
  );
}

export function Pairs({ of }: { of: [ReactNode, ReactNode][] }) {
  return (
    <dl className="pairs">
      {of.map(([name, value], index) => (
        <Fragment key={index}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </Fragment>
      ))}
    </dl>
  );
}

export function Figure({ value, unit, label, href }: { value: ReactNode; unit?: ReactNode; label: ReactNode; href?: string }) {
  const inner = (
    <>
      <b>{value} {unit !== undefined && <small>{unit}</small>}</b>
      <span className="small mute">{label}</span>
    </>
  );
  return href === undefined ? <div className="figure">{inner}</div> : <To className="figure" href={href}>{inner}</To>;
}

export function Time({ at }: { at: string | null | undefined }) {
  const now = useNow();
  if (!at) return <span className="mute">–</span>;
  return <time dateTime={at} data-tip={exact(at)} className="nowrap">{relative(at, now)}</time>;
}

export function Empty({ title, children }: { title: ReactNode; children?: ReactNode }) {
  return (
    <div className="empty">
      <strong>{title}</strong>
      {children}
    </div>
  );
}

/** Bones of what comes; they appear after 150 ms. */
export function Skeleton({ rows = 6 }: { rows?: number }) {
  const width = (row: number): string => `${[92, 78, 85, 64, 88, 71][row % 6]}%`;
  return (
    <div className="bones" role="status" aria-label={words.loading}>
      {Array.from({ length: rows }, (_, row) => <div className="bone" key={row} style={{ width: width(row) }} />)}
    </div>
  );
}

/** What went wrong, why, what next, and the id by which the log of the server has it. */
export function Failure({ error, retry }: { error: unknown; retry?: () => void }) {
  const { problem, requestId } = error instanceof ApiError ? error : { problem: { title: "this page failed", detail: String(error), hint: "reload the page", causes: [] }, requestId: null };
  return (
    <div className="problem" role="alert">
      <strong>✕ {problem.detail}</strong>
      {problem.causes?.map((cause) => <span key={cause} className="mute">{cause}</span>)}
      <span>Next: {problem.hint}</span>
      <span className="line small mute">
        {requestId && <span>request <code>{requestId}</code></span>}
        {retry && <button type="button" className="button small" onClick={retry}>{words.retry}</button>}
      </span>
    </div>
  );
}

type Result<T> = { data: T | undefined; error: unknown; refetch: () => unknown };
/** Content at once from the cache; else bones; a failure in place, beside what is known. */
export function Await<T>({ of, children, rows }: { of: Result<T>; children: (data: T) => ReactNode; rows?: number }) {
  if (of.data !== undefined) return <>{children(of.data)}</>;
  if (of.error) return <Failure error={of.error} retry={() => void of.refetch()} />;
  return <Skeleton rows={rows ?? 6} />;
}

export function Copy({ text, label, children }: { text: string; label?: string; children?: ReactNode }) {
  return (
    <button type="button" className="link mono" data-tip={label ?? `Copy ${text}`} onClick={() => void navigator.clipboard.writeText(text)}>
      <span className="sr">Copy </span>{children ?? text}
    </button>
  );
}
