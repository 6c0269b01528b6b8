import { loopOf, versionInFocus } from "@/api/loop";
import { Await, Empty, Head, Mark, Panel, Time, Verdict } from "@/parts/basics";
import { Table } from "@/parts/Table";
import { useUrlState } from "@/parts/url";
import { useFacts } from "@/pages/portfolio/useFacts";
import { person, plural } from "@/words/format";

export function Models() {
  const facts = useFacts();
  const [search, change] = useUrlState();
  return (
    <Await of={facts}>
      {(all) => {
        const rows = all.filter((f) => f.model.name.toLowerCase().includes((search["q"] ?? "").toLowerCase()));
        return (
          <>
            <Head title="Models" verdict={<Verdict state="none">{plural(all.length, "model")}, {plural(all.reduce((n, f) => n + f.model.versions.length, 0), "version")}</Verdict>} />
            <div className="bar"><input className="search filter" type="search" aria-label="Filter models" placeholder="Filter models (/)" value={search["q"] ?? ""} onChange={(e) => change({ q: e.target.value })} /></div>
            {rows.length === 0 ? <Panel><Empty title={all.length === 0 ? "No model yet." : "No model is called so."}>{all.length === 0 && <pre className="code">kilter run</pre>}</Empty></Panel> : (
              <Table label="Models" tall rows={rows} id={(f) => f.model.name} href={(f) => `/models/${encodeURIComponent(f.model.name)}`} columns={[
                { key: "name", head: "Model", by: (f) => f.model.name, cell: (f) => <>{f.model.name}<span className="sub">{f.model.project}</span></> },
                { key: "owner", head: "Owner", by: (f) => f.inventory?.owner, cell: (f) => person(f.inventory?.owner) },
                { key: "risk", head: "Risk", by: (f) => f.inventory?.risk, cell: (f) => f.inventory?.risk ?? "–" },
                { key: "loop", head: "Loop", cell: (f) => <Mark loop={loopOf(f)} /> },
                { key: "focus", head: "In focus", cell: (f) => { const v = versionInFocus(f); return v ? `v${v.number} ${v.state}` : "–"; } },
                { key: "versions", head: "Versions", right: true, by: (f) => f.model.versions.length, cell: (f) => f.model.versions.length },
                { key: "newest", head: "Newest", by: (f) => f.model.versions[0]?.created, cell: (f) => <Time at={f.model.versions[0]?.created} /> },
              ]} />
            )}
          </>
        );
      }}
    </Await>
  );
}
