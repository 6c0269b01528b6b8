import { useQuery } from "@tanstack/react-query";
import { alerts, inbox, type Alert, type InboxItem } from "@/api/queries";
import { alertState, glyphs, type State } from "@/api/loop";
import { AlertDetail } from "@/parts/AlertDetail";
import { Await, Chip, Copy, Empty, Head, Pairs, Panel, Time, To, Verdict } from "@/parts/basics";
import { useKeys } from "@/parts/keys";
import { useUrlState } from "@/parts/url";
import { headline, person, plural, sentence } from "@/words/format";
import { words } from "@/words/words";
import { VersionDecision } from "./VersionDecision";

type Thing = { id: string; state: State; title: string; sub: string; at: string; isMine: boolean; item: InboxItem | null; alert: Alert | null };

const ofItem = (item: InboxItem): Thing => ({ id: `${item.kind}:${item.subject}`, state: "wait", title: `${sentence(item.kind)}: ${item.subject}`, sub: item.text, at: item.since, isMine: item.is_mine, item, alert: null });
const ofAlert = (alert: Alert): Thing => ({ id: alert.id, state: alertState(alert), title: `${alert.endpoint}: ${alert.kind.replaceAll("_", " ")}`, sub: headline(alert.detail.text), at: alert.fired ?? alert.opened, isMine: false, item: null, alert });

/** Things that wait for a person: the list left, the evidence right, so that a decision needs no navigation. */
export function Inbox() {
  const [items, open] = [useQuery(inbox), useQuery(alerts(true))];
  const [search, change] = useUrlState();
  const things = [...(items.data?.items ?? []).map(ofItem), ...(open.data?.items ?? []).filter((a) => a.state !== "muted").map(ofAlert)];
  const view = search["view"] ?? "all";
  const shown = things.filter((t) => view === "all" || (view === "mine" ? t.isMine : t.alert !== null));
  const at = Math.max(0, shown.findIndex((t) => t.id === search["item"]));
  const current = shown[at];
  const move = (step: number): void => change({ item: shown[Math.max(0, Math.min(at + step, shown.length - 1))]?.id });
  useKeys({ j: () => move(1), k: () => move(-1) });
  const mine = things.filter((t) => t.isMine).length;
  return (
    <Await of={items}>
      {() => (
        <>
          <Head title="Inbox" verdict={<Verdict state={mine > 0 ? "wait" : things.length > 0 ? "warn" : "ok"}>{mine > 0 ? `${plural(mine, "decision")} of yours ${mine === 1 ? "is" : "are"} waited for` : words.needsYou.replace(".", "")}{things.length > mine ? `; ${plural(things.length - mine, "other thing")} to watch` : ""}</Verdict>} />
          {things.length > 0 && <div className="pills" role="group" aria-label="View">{([["all", "All", things.length], ["mine", "Needs me", mine], ["alerts", "Alerts", things.filter((t) => t.alert).length]] as const).map(([key, name, n]) => <button key={key} type="button" className="pill" aria-pressed={view === key} onClick={() => change({ view: key === "all" ? undefined : key, item: undefined })}>{name} <span className="num mute">{n}</span></button>)}</div>}
          {shown.length === 0 ? <Panel><Empty title={words.needsYou} /></Panel> : (
            <div className="panes">
              <Panel flush>
                <div>{shown.map((t, index) => <button key={t.id} type="button" className="choose" aria-current={index === at} onClick={() => change({ item: t.id })}><strong><span className={`s-${t.state}`}>{glyphs[t.state]}</span> {t.title}</strong><span className="small mute" style={{ display: "block" }}>{t.sub}</span><span className="small mute"><Time at={t.at} /></span></button>)}</div>
              </Panel>
              {current?.alert && <AlertDetail alert={current.alert} />}
              {current?.item && <Waiting item={current.item} />}
            </div>
          )}
        </>
      )}
    </Await>
  );
}

function Waiting({ item }: { item: InboxItem }) {
  const [model, version] = item.subject.split(/[@/]/);
  const isVersion = version !== undefined && /^\d+$/.test(version);
  const href = isVersion ? `/models/${encodeURIComponent(model ?? "")}/${version}` : item.kind === "policy" ? `/policies?project=${encodeURIComponent(item.project)}` : `/models/${encodeURIComponent(item.project)}`;
  return (
    <Panel title={`${sentence(item.kind)}: ${item.subject}`} aside={<Chip state="wait">{item.is_mine ? "Needs you" : "Needs others"}</Chip>}>
      <div className="stack">
        <p>{item.text}</p>
        <Pairs of={[["Project", item.project], ["Who can decide", item.roles.map(person).join(", ") || "–"], ["Waits since", <Time key="s" at={item.since} />], ...(item.due ? [["Due", <Time key="d" at={item.due} />] as [string, React.ReactNode]] : []), ["Command", <Copy key="c" text={item.command} />]]} />
        <div><To className={isVersion ? "button" : "button main"} href={href}>Open the evidence</To></div>
        {isVersion && <VersionDecision key={item.subject} model={model ?? ""} number={Number(version)} />}
      </div>
    </Panel>
  );
}
