import { useQuery } from "@tanstack/react-query";
import { alertState, glyphs } from "@/api/loop";
import { status } from "@/api/queries";
import { Await, Chip, Empty, Head, Panel, Time, Verdict } from "@/parts/basics";
import { Table } from "@/parts/Table";
import { headline, plural } from "@/words/format";

export function Monitors() {
  const now = useQuery(status);
  return (
    <Await of={now}>
      {({ endpoints, alerts }) => {
        const live = endpoints.filter((e) => e.live);
        const open = alerts.filter((a) => a.state !== "muted");
        const ofEndpoint = (name: string) => open.filter((a) => a.endpoint === name);
        return (
          <>
            <Head title="Monitors" verdict={<Verdict state={open.some((a) => alertState(a) === "bad") ? "bad" : open.length > 0 ? "warn" : live.length > 0 ? "ok" : "none"}>{plural(live.length, "monitored endpoint")} · {plural(open.length, "open alert")}</Verdict>} />
            {live.length === 0 ? <Panel><Empty title="Nothing is live, so nothing is monitored.">Monitors are made from the training profile when a version goes live.</Empty></Panel> : (
              <Table label="Monitors" tall rows={live} id={(e) => e.name} href={(e) => `/monitors/${encodeURIComponent(e.name)}`} columns={[
                { key: "name", head: "Endpoint", by: (e) => e.name, cell: (e) => <>{e.name}<span className="sub">{e.live?.model}@{e.live?.version}</span></> },
                { key: "state", head: "State", cell: (e) => { const worst = ofEndpoint(e.name)[0]; return <Chip state={worst ? alertState(worst) : "ok"}>{worst ? (alertState(worst) === "bad" ? "Breached" : "At risk") : "No alert"}</Chip>; } },
                { key: "alerts", head: "Open alerts", cell: (e) => ofEndpoint(e.name).map((a) => <span key={a.id} className="nowrap" style={{ display: "block" }}><span className={`s-${alertState(a)}`}>{glyphs[alertState(a)]}</span> {headline(a.detail.text)}</span>) },
                { key: "since", head: "Since", cell: (e) => <Time at={ofEndpoint(e.name)[0]?.fired} /> },
              ]} />
            )}
          </>
        );
      }}
    </Await>
  );
}
