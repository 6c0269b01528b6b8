import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { type AuditEntry, auditHead, auditLog } from "@/api/queries";
import { Await, Chip, Copy, Empty, Head, Panel, Time, To, Verdict } from "@/parts/basics";
import { download, toCsv } from "@/parts/download";
import { Menu } from "@/parts/overlay";
import { type Column, Table } from "@/parts/Table";
import { useUrlState } from "@/parts/url";
import { count, person, plural, sentence, signs } from "@/words/format";
import { useVerification, Verification } from "./Verify";

export function Audit() {
  const head = useQuery(auditHead);
  const log = useInfiniteQuery(auditLog);
  const [search, change] = useUrlState();
  const { checking, start } = useVerification(head.data);
  const known = log.data?.pages.flatMap((page) => page.items) ?? [];
  const wanted = (search["q"] ?? "").toLowerCase();
  const rows = known.filter((e) => (search["outcome"] ? e.outcome === search["outcome"] : true) && `${e.seq} ${e.actor} ${e.action} ${e.object} ${e.reason ?? ""}`.toLowerCase().includes(wanted));
  const checkpoint = head.data?.checkpoint;
  const failing = (head.data?.places ?? []).find((place) => place.failing_since);
  return (
    <>
      <Head title="Audit"
        verdict={<Verdict state={failing ? "warn" : checkpoint ? "ok" : "none"}>{checkpoint ? <>{plural(checkpoint.size, "entry", "entries")} under a signed checkpoint of <Time at={checkpoint.at} />{failing ? `; ${failing.place} does not take checkpoints: ${failing.error ?? ""}` : ""}</> : "No entry is signed yet"}</Verdict>}
        meta={checkpoint && <>head <Copy text={checkpoint.note.split("\n")[2] ?? ""}>{(checkpoint.note.split("\n")[2] ?? "").slice(0, 12)}</Copy> · {head.data?.places?.length ? `published to ${plural(head.data.places.length, "place")}` : "published nowhere yet: a copy elsewhere is what finds a log that was written anew"}</>}
        actions={<><button type="button" className="button main" disabled={!checkpoint || checking.state === "running"} onClick={() => void start()}>Verify in this browser</button><Menu actions={[{ name: "What is shown, as CSV", run: () => download("audit.csv", toCsv(rows.map((e) => ({ seq: e.seq, at: e.at, actor: e.actor, action: e.action, object: e.object, before: e.before ?? null, after: e.after ?? null, reason: e.reason ?? null, outcome: e.outcome })))) }, { name: "Checkpoint", run: () => download("checkpoint.txt", checkpoint?.note ?? "") }]} /></>} />
      <Verification checking={checking} />
      <div className="bar">
        <input className="search filter" type="search" placeholder="Filter: who, what, which (/)" aria-label="Filter entries" value={search["q"] ?? ""} onChange={(e) => change({ q: e.target.value })} />
        <select aria-label="Outcome" value={search["outcome"] ?? ""} onChange={(e) => change({ outcome: e.target.value })}><option value="">every outcome</option><option value="done">done</option><option value="denied">denied</option><option value="failed">failed</option></select>
        <span className="small mute">{wanted || search["outcome"] ? `${count(rows.length)} of the ` : "the "}newest {plural(known.length, "entry", "entries")}{log.hasNextPage ? "; older ones are not filtered" : ""}</span>
      </div>
      <Await of={{ data: log.data, error: log.error, refetch: log.refetch }}>
        {() => rows.length === 0 ? <Panel><Empty title={known.length === 0 ? "Nothing was done yet." : "No entry fits."} /></Panel> : <Table label="Audit log" rows={rows} columns={columns} id={(e) => String(e.seq)} href={(e) => `/audit/${e.seq}`} more={{ has: log.hasNextPage, load: () => void log.fetchNextPage(), isLoading: log.isFetchingNextPage }} />}
      </Await>
    </>
  );
}

const columns: Column<AuditEntry>[] = [
  { key: "seq", head: "Entry", cell: (e) => e.seq, by: (e) => e.seq },
  { key: "at", head: "When", cell: (e) => <Time at={e.at} />, by: (e) => e.at },
  { key: "actor", head: "Who", cell: (e) => person(e.actor), by: (e) => e.actor },
  { key: "action", head: "What", cell: (e) => <span className="nowrap">{sentence(e.action.replace(".", " "))} {e.outcome !== "done" && <Chip state="bad">{e.outcome}</Chip>}</span>, by: (e) => e.action },
  { key: "object", head: "On", cell: (e) => <ObjectLink object={e.object} />, by: (e) => e.object },
  { key: "after", head: "State", clip: true, cell: (e) => <span data-tip={e.after && e.after.length > 24 ? e.after : undefined}>{e.before ? <span className="mute">{e.before} → </span> : ""}{e.after ?? "–"}</span> },
  { key: "reason", head: "Reason", clip: true, cell: (e) => <span className="mute" data-tip={e.reason && e.reason.length > 40 ? signs(e.reason) : undefined}>{signs(e.reason ?? "–")}</span> },
];

/** An object of an entry as a link to its page, where there is one. */
export function ObjectLink({ object }: { object: string }) {
  const colon = object.indexOf(":");
  if (colon < 0) return <span className="nowrap">{object}</span>;
  const [kind, id] = [object.slice(0, colon), object.slice(colon + 1)];
  const version = /^(.+)\/(\d+)(?:\/.*)?$/.exec(id);
  const text = id.length > 30 ? `${kind} ${id.split("/").at(-1)?.slice(-8)}` : `${kind} ${id}`;
  const href = (kind === "version" || kind === "verdict") && version ? `/models/${encodeURIComponent(version[1] ?? "")}/${version[2]}` : kind === "run" ? `/runs/${id}` : kind === "endpoint" ? `/deployments/${encodeURIComponent(id)}` : kind === "model" ? `/models/${encodeURIComponent(id)}` : null;
  return href ? <To href={href} className="nowrap">{text}</To> : <span className="nowrap" data-tip={object}>{text}</span>;
}
