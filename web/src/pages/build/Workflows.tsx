import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Navigate, useParams } from "@tanstack/react-router";
import { type RunSummary, run, runs } from "@/api/queries";
import { Await, Empty, Head, Panel, Time, Verdict } from "@/parts/basics";
import { Table } from "@/parts/Table";
import { plural, shortId } from "@/words/format";
import { runChip, runState } from "@/pages/runs/states";
import { Steps } from "@/pages/runs/RunPage";

/** The steps of each project, by its newest run, and every run of it. */
export function Workflows() {
  const all = useInfiniteQuery(runs);
  const items = all.data?.pages.flatMap((page) => page.items) ?? [];
  const projects = [...Map.groupBy(items, (r) => r.project)];
  const failed = items.filter((r) => r.state === "failed" || r.state === "refused").length;
  return (
    <Await of={{ data: all.data, error: all.error, refetch: all.refetch }}>
      {() => (
        <>
          <Head title="Workflows" verdict={<Verdict state={items[0] ? runState(items[0].state) : "none"}>{plural(projects.length, "workflow")} · {all.hasNextPage ? "the newest " : ""}{plural(items.length, "run")} · {failed} failed or refused</Verdict>} />
          {projects.length === 0 ? <Panel><Empty title="Nothing has run yet."><pre className="code">kilter run</pre></Empty></Panel> : projects.map(([project, own]) => <Project key={project} project={project} runs={own} />)}
        </>
      )}
    </Await>
  );
}

function Project({ project, runs: own }: { project: string; runs: RunSummary[] }) {
  const newest = useQuery({ ...run(own[0]?.id ?? ""), enabled: own.length > 0 });
  return (
    <>
      <h2>{project}</h2>
      <Await of={newest} rows={3}>{(found) => <Steps run={found} />}</Await>
      <Table label={`Runs of ${project}`} rows={own} id={(r) => r.id} href={(r) => `/runs/${r.id}`} more={undefined} columns={[
        { key: "run", head: "Run", cell: (r) => <span className="mono">{shortId(r.id)}</span> },
        { key: "state", head: "State", cell: (r) => runChip(r.state), by: (r) => r.state },
        { key: "cause", head: "Cause", cell: (r) => r.cause, by: (r) => r.cause },
        { key: "version", head: "Made", cell: (r) => (r.version ? `v${r.version}` : <span className="mute">–</span>), by: (r) => r.version },
        { key: "created", head: "Asked for", cell: (r) => <Time at={r.created} />, by: (r) => r.created },
      ]} />
    </>
  );
}

export function WorkflowRun() {
  const { run: id = "" } = useParams({ strict: false });
  return <Navigate to={`/runs/${id}` as never} replace />;
}
