import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";
import { ApiError } from "@/api/client";
import { hex, isIncluded, leafHash } from "@/api/ledger";
import { auditEntry, auditReceipt } from "@/api/queries";
import { Await, Chip, Copy, Head, Pairs, Panel, Time, To, Verdict } from "@/parts/basics";
import { download } from "@/parts/download";
import { useKeys } from "@/parts/keys";
import { NotFound } from "@/pages/NotFound";
import { exact, person, sentence, signs } from "@/words/format";
import { ObjectLink } from "./Audit";

/** One entry: who, what, why, what was hashed, and the proof that the log has it, checked here. */
export function EntryPage() {
  const { entry = "" } = useParams({ strict: false });
  const number = Number(entry);
  const navigate = useNavigate();
  const found = useQuery({ ...auditEntry(number), enabled: number > 0 });
  const receipt = useQuery({ ...auditReceipt(number), enabled: number > 0 });
  const checked = useQuery({
    queryKey: ["audit-checked", number, receipt.data?.proof], enabled: found.data !== undefined && receipt.data !== undefined,
    queryFn: async () => ({ leaf: hex(await leafHash(found.data?.body ?? "")) === found.data?.leaf, proof: await isIncluded(receipt.data?.entry ?? "", receipt.data?.proof ?? ""), isSame: receipt.data?.entry === found.data?.body }),
  });
  const go = (to: number): void => { if (to > 0) void navigate({ to: `/audit/${to}` as never }); };
  useKeys({ j: () => go(number - 1), k: () => go(number + 1) });
  if (!(number > 0) || (found.error instanceof ApiError && found.error.problem.status === 404)) return <NotFound what={`entry ${entry}`} />;
  const isProven = checked.data && checked.data.leaf && checked.data.proof && checked.data.isSame;
  return (
    <Await of={found}>
      {(record) => (
        <>
          <Head title={`Entry ${record.entry.seq}`} after={record.entry.outcome === "done" ? null : <Chip state="bad">{record.entry.outcome}</Chip>}
            verdict={<Verdict state={checked.data === undefined ? "none" : isProven ? "ok" : "bad"}>{checked.data === undefined ? "The proof is being checked in this browser" : isProven ? "Proven: its hash is right, and the signed log has it; checked in this browser" : "Not proven: what the server sent does not lead to the root that was signed"}</Verdict>}
            actions={<><To className="button" href={`/audit/${Math.max(1, number - 1)}`}>Before</To><To className="button" href={`/audit/${number + 1}`}>After</To><button type="button" className="button" disabled={!receipt.data} onClick={() => download(`receipt-${number}.json`, JSON.stringify(receipt.data, null, 2))}>Save the receipt</button></>} />
          <div className="grid half">
            <Panel title="What was done">
              <Pairs of={[
                ["Who", person(record.entry.actor)],
                ...(record.on_behalf ? [["On behalf of", person(record.on_behalf)] as [string, React.ReactNode]] : []),
                ["What", sentence(record.entry.action.replace(".", " "))],
                ["On", <ObjectLink key="o" object={record.entry.object} />],
                ["When", <span key="w">{exact(record.entry.at)} (<Time at={record.entry.at} />)</span>],
                ["State", <span key="s">{record.entry.before ?? "–"} → {record.entry.after ?? "–"}</span>],
                ["Reason", record.is_reason_erased ? "erased" : record.entry.reason ? signs(record.entry.reason) : "–"],
                ["Outcome", record.entry.outcome],
              ]} />
            </Panel>
            <Panel title="What it rests on">
              <Pairs of={[["Digest", record.object_digest ? <Copy text={record.object_digest}>{record.object_digest.slice(0, 24)}</Copy> : "–"], ["Evidence", record.evidence && record.evidence.length > 0 ? <ul>{record.evidence.map((text) => <li key={text}><code>{text}</code></li>)}</ul> : "–"], ["Hash", <Copy key="l" text={record.leaf}>{record.leaf.slice(0, 24)}</Copy>]]} />
            </Panel>
          </div>
          <Panel title="What is hashed" aside="SHA-256(0x00 ‖ these bytes)"><pre className="code fold">{record.body}</pre></Panel>
          {receipt.data && <Panel title="Proof" aside="C2SP tlog-proof"><pre className="code fold">{receipt.data.proof}</pre></Panel>}
        </>
      )}
    </Await>
  );
}
