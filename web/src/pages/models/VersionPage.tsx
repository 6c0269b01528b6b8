import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link, useLocation, useNavigate, useParams } from "@tanstack/react-router";
import { useState } from "react";
import { readRule } from "@/api/gate";
import { loopOf } from "@/api/loop";
import { auditLog, type Version, version as versionQuery, whoami } from "@/api/queries";
import { ApiError } from "@/api/client";
import { Await, Band, Chip, Empty, Head, Panel, Time, To, Verdict } from "@/parts/basics";
import { useKeys } from "@/parts/keys";
import { Menu } from "@/parts/overlay";
import { Table } from "@/parts/Table";
import { useUrlState } from "@/parts/url";
import { NotFound } from "@/pages/NotFound";
import { useFacts } from "@/pages/portfolio/useFacts";
import { day, number, person, plural, sentence, signs } from "@/words/format";
import { Decide, isNameless, useObstacle } from "./Decide";
import { Gates } from "./Gates";
import { Card, Files, MadeFrom, TryIt } from "./Tabs";
import { versionChip, versionState, versionWord } from "./VersionState";

const tabs = [["evidence", "Evidence"], ["card", "Card"], ["files", "Files"], ["try", "Try it"], ["history", "History"]] as const;

export function VersionPage() {
  const { model = "", version = "" } = useParams({ strict: false });
  const found = useQuery(versionQuery(model, Number(version)));
  if (!/^\d+$/.test(version) || (found.error instanceof ApiError && found.error.problem.status === 404)) return <NotFound what={`${model}@${version}`} />;
  return <Await of={found}>{(v) => <Found version={v} />}</Await>;
}

function Found({ version }: { version: Version }) {
  const facts = useFacts().data?.find((f) => f.model.name === version.model);
  const [search] = useUrlState();
  const [act, setAct] = useState<"approve" | "reject" | "submit" | "revoke" | null>(null);
  const obstacle = useObstacle(version);
  const me = useQuery(whoami).data;
  const navigate = useNavigate();
  const { href: here } = useLocation();
  const approve = (): void => {
    if (obstacle === null) setAct("approve");
    else if (me && isNameless(me)) void navigate({ to: "/sign-in", search: { return: here } as never });
  };
  useKeys({ a: approve, r: () => ["validated", "candidate"].includes(version.state) && setAct("reject") });
  const tab = search["tab"] ?? "evidence";
  const endpoint = facts?.endpoints.find((e) => e.live?.version === version.number || e.candidate?.version === version.number);
  const before = facts?.endpoints.map((e) => e.live?.version).find((n) => n !== undefined && n !== version.number);
  const href = `/models/${encodeURIComponent(version.model)}`;
  return (
    <>
      <Head title={<><Link className="quiet" to={href}>{version.model}</Link> <span className="mute">/</span> v{version.number}</>} after={versionChip(version)} verdict={<Sentence version={version} />}
        meta={<>by {version.standing?.makers?.map(person).join(", ") ?? "–"} · {day(version.created)}{before !== undefined && <> · beside v{before}</>}</>}
        actions={<>
          {before !== undefined && <To className="button" href={`${href}/diff?a=${before}&b=${version.number}`}>Compare with v{before}</To>}
          {version.state === "draft" || version.state === "candidate" ? <button type="button" className="button" onClick={() => setAct("submit")}>Submit…</button> : null}
          <button type="button" className="button bad" data-tip="Reject (r)" onClick={() => setAct("reject")} disabled={!["validated", "candidate"].includes(version.state)}>Reject…</button>
          <button type="button" className="button main" aria-disabled={obstacle !== null} data-tip={obstacle ?? "Approve (a)"} aria-label={obstacle ? `Approve: not possible, ${obstacle}` : "Approve"} onClick={approve}>Approve…</button>
          <Menu actions={[{ name: "Revoke…", run: () => setAct("revoke") }, { name: "Print the evidence", run: () => window.print() }]} />
        </>} />
      {facts && <Band loop={loopOf(facts, version)} />}
      <nav className="tabs" aria-label="Parts of this version">{tabs.map(([key, name]) => <Link key={key} to="." search={(key === "evidence" ? {} : { tab: key }) as never} aria-current={tab === key ? "page" : undefined} resetScroll={false}>{name}</Link>)}</nav>
      {tab === "evidence" && <Evidence version={version} />}
      {tab === "card" && <Card version={version} />}
      {tab === "files" && <Files version={version} />}
      {tab === "try" && <TryIt endpoint={endpoint?.name} version={version} />}
      {tab === "history" && <History version={version} />}
      {act && <Decide version={version} kind={act} onClose={() => setAct(null)} />}
    </>
  );
}

function Sentence({ version }: { version: Version }) {
  const rules = (version.gates ?? []).flatMap((gate) => gate.reason.map(readRule)).filter((rule) => !rule.isNote);
  const decides = rules.find((r) => r.state === "bad") ?? rules.find((r) => r.state === "wait") ?? rules.find((r) => r.state === "warn") ?? rules[0];
  const missing = version.standing?.missing?.[0];
  const failed = rules.filter((r) => r.state === "bad").length;
  const near = rules.filter((r) => r.state === "warn").length;
  const tail = failed > 0 ? `${failed} of ${plural(rules.length, "rule")} refused it` : near > 0 ? `${near} of ${plural(rules.length, "rule")} near its limit` : rules.length > 0 ? `all of ${plural(rules.length, "rule")} hold` : "no gate has judged it";
  return <Verdict state={versionState(version)}>{versionWord(version)}: {tail}{decides ? `; ${signs(decides.text.split(":")[0] ?? "")}` : ""}{missing ? `; missing: ${missing}` : ""}</Verdict>;
}

function Evidence({ version }: { version: Version }) {
  return (
    <div className="grid two">
      <div className="stack">
        <Gates gates={version.gates ?? []} waivers={version.standing?.waivers ?? []} />
        <Panel title="Metrics on held-out rows" flush>
          <Table label="Metrics" rows={Object.entries(version.metrics as Record<string, number>)} id={([name]) => name} columns={[{ key: "metric", head: "Metric", by: ([name]) => name, cell: ([name]) => name }, { key: "value", head: "Value", right: true, by: ([, value]) => value, cell: ([, value]) => <span data-tip={String(value)}>{number(value)}</span> }]} />
        </Panel>
      </div>
      <div className="stack">
        <Approvals version={version} />
        <MadeFrom version={version} />
      </div>
    </div>
  );
}

function Approvals({ version }: { version: Version }) {
  const standing = version.standing;
  const offs = standing?.sign_offs ?? [];
  return (
    <Panel title="Approvals" flush>
      <ul className="list">
        {offs.map((off) => <li key={`${off.by}${off.at}`}><span className="line"><span className="s-ok">✓</span><strong>{person(off.by)}</strong><span className="mute">{off.role}</span> <Time at={off.at} /></span>{off.expires && <span className="small mute">ends <Time at={off.expires} />{off.max_traffic_percent ? ` · at most ${off.max_traffic_percent} % of the traffic` : ""}</span>}</li>)}
        {(standing?.missing ?? []).map((text) => <li key={text}><span><span className="s-wait">◆</span> {text}</span></li>)}
        {(standing?.waivers ?? []).map((w) => <li key={w.id}><span className="line"><Chip state="bad">Waived</Chip> {signs(w.rule)}</span><span className="small mute">{w.reason} · {person(w.by)}, until <Time at={w.until} /></span></li>)}
        {(standing?.break_glasses ?? []).map((b) => <li key={b.id}><span className="line"><Chip state="warn">Break-glass</Chip> {person(b.by)} <Time at={b.at} /></span><span className="small mute">{b.reason}</span></li>)}
        {(standing?.acts ?? []).map((a) => <li key={`${a.kind}${a.at}`}><span>{sentence(a.kind)} by {person(a.by)} <Time at={a.at} /></span></li>)}
        {offs.length === 0 && !standing?.missing?.length && <li className="mute">{version.state === "approved" ? "Approved by the contract: what passes its gates needs no person." : "Nobody has approved it."}</li>}
      </ul>
    </Panel>
  );
}

function History({ version }: { version: Version }) {
  const log = useInfiniteQuery(auditLog);
  const object = `version:${version.model}/${version.number}`;
  const verdicts = `verdict:${version.model}/${version.number}/`;
  const items = (log.data?.pages.flatMap((page) => page.items) ?? []).filter((e) => e.object === object || e.object.startsWith(verdicts));
  const seen = log.data?.pages.reduce((n, page) => n + page.items.length, 0) ?? 0;
  return (
    <Panel title="History" aside={`of the newest ${plural(seen, "entry", "entries")} of the audit log`} flush>
      {items.length === 0 && !log.isLoading ? <Empty title="None of these entries is about this version." /> : <Table label="History" rows={items} id={(e) => String(e.seq)} href={(e) => `/audit/${e.seq}`} columns={[
        { key: "seq", head: "Entry", cell: (e) => e.seq },
        { key: "at", head: "When", cell: (e) => <Time at={e.at} /> },
        { key: "actor", head: "Who", cell: (e) => person(e.actor) },
        { key: "action", head: "What", cell: (e) => sentence(e.action) },
        { key: "reason", head: "Reason", clip: true, cell: (e) => <span className="mute">{signs(e.reason ?? "–")}</span> },
      ]} />}
      {log.hasNextPage && <div className="more"><button type="button" className="button small" onClick={() => void log.fetchNextPage()}>Look further back</button></div>}
    </Panel>
  );
}

