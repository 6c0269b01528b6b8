import { useQuery } from "@tanstack/react-query";
import { deployments, status } from "@/api/queries";
import { Await, Chip, Empty, Head, Panel, Time, Verdict } from "@/parts/basics";
import { Table } from "@/parts/Table";
import { headline, plural } from "@/words/format";
import { deploymentState, stageText } from "./states";

export function Deployments() {
  const now = useQuery(status);
  const all = useQuery(deployments);
  return (
    <Await of={now}>
      {({ endpoints }) => {
        const canaries = endpoints.filter((e) => e.candidate).length;
        return (
          <>
            <Head title="Deployments" verdict={<Verdict state={endpoints.some((e) => e.refused) ? "bad" : canaries > 0 ? "wait" : endpoints.length > 0 ? "ok" : "none"}>{plural(endpoints.length, "endpoint")} · {endpoints.filter((e) => e.live).length} {endpoints.filter((e) => e.live).length === 1 ? "answers" : "answer"} · {plural(canaries, "rollout")} on the way</Verdict>} />
            {endpoints.length === 0 ? <Panel><Empty title="Nothing is deployed."><pre className="code">kilter deploy MODEL@VERSION</pre></Empty></Panel> : (
              <Table label="Endpoints" tall rows={endpoints} id={(e) => e.name} href={(e) => `/deployments/${encodeURIComponent(e.name)}`} columns={[
                { key: "name", head: "Endpoint", by: (e) => e.name, cell: (e) => <>{e.name}<span className="sub">{e.project}</span></> },
                { key: "live", head: "Live", cell: (e) => e.live ? <>{e.live.model}@{e.live.version}<span className="sub">since <Time at={e.live.live_since} /></span></> : <span className="mute">–</span> },
                { key: "candidate", head: "On the way", cell: (e) => e.candidate ? <><Chip state={deploymentState[e.candidate.state]}>{stageText(e.candidate)}</Chip> v{e.candidate.version}</> : <span className="mute">–</span> },
                { key: "alerts", head: "Open alerts", right: true, by: (e) => e.open_alerts, cell: (e) => e.open_alerts > 0 ? <span className="s-warn">▲ {e.open_alerts}</span> : 0 },
                { key: "waits", head: "Waits for", cell: (e) => e.refused ? <span className="s-bad">✕ {headline(e.refused)}</span> : e.waits ? headline(e.waits.reason) : <span className="mute">–</span> },
              ]} />
            )}
            <Panel title="Every deployment" aside="newest first" flush>
              <Await of={all}>
                {({ items }) => items.length === 0 ? <Empty title="No deployment yet." /> : (
                  <Table label="Every deployment" rows={items} id={(d) => d.id} href={(d) => `/models/${encodeURIComponent(d.model)}/${d.version}`} columns={[
                    { key: "version", head: "Version", cell: (d) => `${d.model}@${d.version}` },
                    { key: "endpoint", head: "Endpoint", cell: (d) => d.endpoint },
                    { key: "state", head: "Stage", cell: (d) => <Chip state={deploymentState[d.state]}>{stageText(d)}</Chip> },
                    { key: "created", head: "Asked for", cell: (d) => <Time at={d.created} /> },
                    { key: "since", head: "Live since", cell: (d) => <Time at={d.live_since} /> },
                    { key: "until", head: "Until", cell: (d) => <Time at={d.live_until} /> },
                  ]} />
                )}
              </Await>
            </Panel>
          </>
        );
      }}
    </Await>
  );
}
