import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";
import { type ModelFacts, attentionRank, loopOf, versionInFocus, worst } from "@/api/loop";
import { alerts, deployments, readings, runs, type Version } from "@/api/queries";
import { seriesOf } from "@/api/series";
import { Timeline } from "@/charts/Timeline";
import { Await, Band, Chip, Empty, Head, Panel, Plain, Time, To, Verdict } from "@/parts/basics";
import { useNow } from "@/parts/now";
import { type Column, Table } from "@/parts/Table";
import { useUrlState } from "@/parts/url";
import { NotFound } from "@/pages/NotFound";
import { useFacts } from "@/pages/portfolio/useFacts";
import { day, headline, number, person, plural } from "@/words/format";
import { lanesOf, rangeOf } from "./lanes";
import { versionChip } from "./VersionState";

export function ModelPage() {
  const { model = "" } = useParams({ strict: false });
  const facts = useFacts();
  return <Await of={facts}>{(all) => { const found = all.find((f) => f.model.name === model); return found ? <Found facts={found} /> : <NotFound />; }}</Await>;
}

function Found({ facts }: { facts: ModelFacts }) {
  const { model } = facts;
  const loop = loopOf(facts);
  const focus = versionInFocus(facts);
  const [search, change] = useUrlState();
  const selected = new Set((search["ids"] ?? "").split(",").filter(Boolean));
  const pick = (id: string): void => {
    if (selected.has(id)) selected.delete(id);
    else selected.add(id);
    change({ ids: [...selected].join(",") });
  };
  const [b, a] = [...selected].map(Number).sort((x, y) => y - x);
  return (
    <>
      <Head title={model.name} after={<><Plain>{facts.inventory?.risk ?? "no"} risk</Plain>{focus && versionChip(focus)}</>} verdict={<Sentence facts={facts} />} meta={<>project {model.project} · owner {person(facts.inventory?.owner)} · since {day(model.created)}</>}
        actions={<>{a !== undefined && b !== undefined && <To className="button" href={`/models/${encodeURIComponent(model.name)}/diff?a=${a}&b=${b}`}>Compare v{a} with v{b}</To>}{focus && <To className="button main" href={`/models/${encodeURIComponent(model.name)}/${focus.number}`}>Evidence of v{focus.number}</To>}</>} />
      <Band loop={loop} />
      <Life facts={facts} />
      <Panel title="Versions" aside="x selects two to compare" flush>
        {model.versions.length === 0 ? <Empty title="No version yet."><pre className="code">kilter run</pre></Empty> : <Table label="Versions" rows={model.versions} columns={versionColumns(facts)} id={(v) => String(v.number)} href={(v) => `/models/${encodeURIComponent(model.name)}/${v.number}`} selected={selected} onSelect={pick} />}
      </Panel>
    </>
  );
}

function Sentence({ facts }: { facts: ModelFacts }) {
  const cell = worst(loopOf(facts));
  const alert = facts.alerts[0];
  const waits = facts.endpoints.find((e) => e.waits)?.waits;
  const candidate = facts.endpoints.find((e) => e.candidate)?.candidate;
  const parts = [alert && `${alert.kind.replaceAll("_", " ")}: ${headline(alert.detail.text)}`, candidate && `v${candidate.version} is in ${candidate.state}${candidate.canary_percent ? ` at ${candidate.canary_percent} %` : ""}`, waits && headline(waits.reason)].filter(Boolean);
  return <Verdict state={cell?.state ?? "none"}>{cell?.word}{parts.length > 0 ? `: ${parts.join("; ")}` : attentionRank([cell ?? loopOf(facts)[0]!]) === 7 ? ": nothing is waited for" : ""}</Verdict>;
}

/** The lifecycle on one time axis. */
function Life({ facts }: { facts: ModelFacts }) {
  const endpoint = facts.endpoints[0]?.name;
  const navigate = useNavigate();
  const now = useNow();
  const [search, change] = useUrlState();
  const all = useQuery(deployments);
  const past = useQuery(alerts(false));
  const known = useInfiniteQuery(runs).data?.pages.flatMap((page) => page.items) ?? [];
  const measured = useQuery({ ...readings(endpoint ?? "", { monitor: "performance" }, 1000), enabled: endpoint !== undefined });
  const lanes = lanesOf({ model: facts.model, deployments: all.data?.items ?? [], alerts: (past.data?.items ?? []).filter((a) => facts.endpoints.some((e) => e.name === a.endpoint)), runs: known.filter((r) => r.project === facts.model.project), series: seriesOf(measured.data?.items ?? []) });
  const whole = rangeOf(lanes, now);
  const range: [number, number] = search["from"] && search["to"] ? [Number(search["from"]), Number(search["to"])] : whole.main;
  const outside = lanes.events.filter((e) => e.at < range[0] || e.at > range[1]).length;
  return (
    <Panel title="Timeline" aside={<span className="line">{lanes.metric && <span>{lanes.metric}: ● realised ○ estimated or provisional</span>}{outside > 0 && <button type="button" className="link" onClick={() => change({ from: String(whole.all[0]), to: String(whole.all[1]) })}>{plural(outside, "event")} outside, show all</button>}{search["from"] && <button type="button" className="link" onClick={() => change({ from: undefined, to: undefined })}>Reset</button>}</span>}>
      {lanes.bars.length + lanes.events.length === 0 ? <Empty title="Nothing has happened yet." /> : (
        <Timeline {...lanes} range={range} now={now} label={`Timeline of ${facts.model.name}: ${plural(lanes.bars.length, "live version")}, ${plural(lanes.events.length, "event")}`} format={(v) => number(v)} day={(at) => day(new Date(at).toISOString())}
          onRange={(r) => change({ from: String(Math.round(r[0])), to: String(Math.round(r[1])) }, { push: true })} onOpen={(href) => void navigate({ to: href })} />
      )}
    </Panel>
  );
}

function versionColumns(facts: ModelFacts): Column<Version>[] {
  const metrics = [...new Set(facts.model.versions.flatMap((v) => Object.keys(v.metrics)))].slice(0, 5);
  const value = (v: Version, name: string): number | null => (v.metrics as Record<string, number | undefined>)[name] ?? null;
  const serving = (v: Version): string => facts.endpoints.flatMap((e) => [e.live?.version === v.number ? `live at ${e.name}` : "", e.candidate?.version === v.number ? `${e.candidate.state} at ${e.name}` : ""]).filter(Boolean).join(", ");
  return [
    { key: "number", head: "Version", by: (v) => v.number, cell: (v) => `v${v.number}` },
    { key: "state", head: "State", by: (v) => v.state, cell: (v) => versionChip(v) },
    { key: "serving", head: "Serves", cell: (v) => serving(v) ? <Chip state="ok">{serving(v)}</Chip> : <span className="mute">–</span> },
    ...metrics.map((name): Column<Version> => ({ key: name, head: name, right: true, by: (v) => value(v, name), cell: (v) => <span data-tip={String(value(v, name))}>{number(value(v, name))}</span> })),
    { key: "digest", head: "Package", cell: (v) => <code>{v.digest.slice(0, 8)}</code> },
    { key: "created", head: "Registered", by: (v) => v.created, cell: (v) => <Time at={v.created} /> },
  ];
}

