import { useMutation, useQueries, useQuery, useQueryClient } from "@tanstack/react-query";
import { post } from "@/api/client";
import type { State } from "@/api/loop";
import { inventory, models, type Objective, objectives } from "@/api/queries";
import { boundOf } from "@/api/series";
import { Sparkline } from "@/charts/Sparkline";
import { Await, Chip, Empty, Failure, Head, Panel, Time, To, Verdict } from "@/parts/basics";
import { toast } from "@/parts/overlay";
import { Table } from "@/parts/Table";
import { useUrlState } from "@/parts/url";
import { number, person, plural, signs } from "@/words/format";

type Row = { model: string; objective: Objective };
const stateOf = (o: Objective): State => (o.readings[0]?.is_met === true ? "ok" : o.readings[0]?.is_met === false ? "bad" : "thin");
const wordOf: Partial<Record<State, string>> = { ok: "Met", bad: "Missed", thin: "Not measured" };

export function Objectives() {
  const all = useQuery(models);
  const owners = useQuery(inventory).data?.items ?? [];
  const [search, change] = useUrlState();
  const names = (all.data?.items ?? []).map((m) => m.name).filter((name) => !search["model"] || name === search["model"]);
  const found = useQueries({ queries: names.map((name) => objectives(name)) });
  const rows: Row[] = names.flatMap((model, i) => (found[i]?.data?.items ?? []).map((objective) => ({ model, objective })));
  const met = rows.filter((r) => stateOf(r.objective) === "ok").length;
  return (
    <Await of={all}>
      {() => (
        <>
          <Head title="Objectives" verdict={<Verdict state={rows.some((r) => stateOf(r.objective) === "bad") ? "bad" : met === rows.length && met > 0 ? "ok" : "thin"}>{plural(rows.length, "objective")} · {met} met · {rows.filter((r) => stateOf(r.objective) === "thin").length} not measured</Verdict>} meta={search["model"] && <>of {search["model"]} <button type="button" className="link" onClick={() => change({ model: undefined })}>all models</button></>} />
          {rows.length === 0 ? <Panel><Empty title="No objective is stated.">An objective is a table <code>[objective.NAME]</code> of the contract: a KPI, its target, and where it is measured.</Empty></Panel> : (
            <Table label="Objectives" tall rows={rows} id={(r) => `${r.model}/${r.objective.name}`} columns={[
              { key: "objective", head: "Objective", by: (r) => r.objective.name, cell: (r) => <>{r.objective.kpi ?? r.objective.name}<span className="sub">{r.objective.name} · <To href={`/models/${encodeURIComponent(r.model)}`}>{r.model}</To></span></> },
              { key: "state", head: "State", cell: (r) => <Chip state={stateOf(r.objective)} tip={r.objective.readings[0]?.note ?? undefined}>{wordOf[stateOf(r.objective)]}</Chip> },
              { key: "target", head: "Target", right: true, cell: (r) => signs(r.objective.target ?? "–") },
              { key: "baseline", head: "Before the model", right: true, cell: (r) => number(r.objective.baseline) },
              { key: "value", head: "Now", right: true, by: (r) => r.objective.readings[0]?.value, cell: (r) => <>{number(r.objective.readings[0]?.value)}<span className="sub"><Time at={r.objective.readings[0]?.at} /></span></> },
              { key: "trend", head: "Trend", cell: (r) => <Sparkline values={[...r.objective.readings].reverse().map((x) => x.value ?? null)} bound={boundOf(r.objective.target)} label={`${r.objective.name}, ${plural(r.objective.readings.length, "measurement")}`} /> },
              { key: "owner", head: "Owner", cell: (r) => person(owners.find((o) => o.model === r.model)?.owner) },
              { key: "review", head: "Review", cell: (r) => <Time at={r.objective.review_due} /> },
              { key: "measure", head: <span className="sr">Measure</span>, cell: (r) => <Measure model={r.model} /> },
            ]} />
          )}
          {found.map((f, i) => f.error && <Failure key={names[i]} error={f.error} />)}
        </>
      )}
    </Await>
  );
}

function Measure({ model }: { model: string }) {
  const client = useQueryClient();
  const act = useMutation({ mutationFn: () => post("/api/v1/models/{model}/objectives/measure", { path: { model }, body: {} as never }), onSuccess: () => client.invalidateQueries({ queryKey: ["objectives", model] }), onError: (error) => toast(error.message) });
  return <button type="button" className="button small" disabled={act.isPending} onClick={() => act.mutate()}>Measure now</button>;
}
