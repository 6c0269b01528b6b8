import { useState } from "react";
import { get, type Schemas } from "@/api/client";
import { type LogEntry, readCheckpoint, type Result, verifyLog } from "@/api/ledger";
import { Failure, Panel, Verdict } from "@/parts/basics";
import { download } from "@/parts/download";
import { count, plural } from "@/words/format";

const AT_ONCE = 8;
const PAGE = 200;

/** Entries in their order, several requests at once. */
async function* entries(size: number, signal: AbortSignal): AsyncGenerator<LogEntry[]> {
  for (let first = 1; first <= size; first += PAGE) {
    const numbers = Array.from({ length: Math.min(PAGE, size - first + 1) }, (_, i) => first + i);
    const page: LogEntry[] = [];
    for (let at = 0; at < numbers.length; at += AT_ONCE) {
      const records = await Promise.all(numbers.slice(at, at + AT_ONCE).map((entry) => get("/api/v1/audit/{entry}", { path: { entry }, signal })));
      page.push(...records.map((r) => ({ seq: r.entry.seq, body: r.body, leaf: r.leaf })));
    }
    yield page;
  }
}

type Checking = { state: "idle" } | { state: "running"; checked: number; size: number; stop: AbortController } | { state: "done"; result: Result; seconds: number } | { state: "failed"; error: unknown };

export function useVerification(head: Schemas["AuditHead"] | undefined) {
  const [checking, set] = useState<Checking>({ state: "idle" });
  const start = async (): Promise<void> => {
    const checkpoint = readCheckpoint(head?.checkpoint?.note ?? "");
    if (!head || !checkpoint) return;
    const stop = new AbortController();
    const began = performance.now();
    set({ state: "running", checked: 0, size: checkpoint.size, stop });
    try {
      const result = await verifyLog(entries(checkpoint.size, stop.signal), checkpoint, head.keys, (checked) => set({ state: "running", checked, size: checkpoint.size, stop }));
      set({ state: "done", result, seconds: (performance.now() - began) / 1000 });
    } catch (error) {
      set(stop.signal.aborted ? { state: "idle" } : { state: "failed", error });
    }
  };
  return { checking, start };
}

export function Verification({ checking }: { checking: Checking }) {
  if (checking.state === "idle") return null;
  if (checking.state === "failed") return <Failure error={checking.error} />;
  if (checking.state === "running") {
    return (
      <Panel title="Verifying in this browser" aside={<button type="button" className="button small" onClick={() => checking.stop.abort()}>Stop</button>}>
        <label className="field"><span>{count(checking.checked)} of {plural(checking.size, "entry", "entries")}</span><progress style={{ width: "100%" }} value={checking.checked} max={checking.size} /></label>
      </Panel>
    );
  }
  const { result, seconds } = checking;
  const isValid = result.faults.length === 0;
  const signature = { valid: "the signature of the checkpoint is valid", invalid: "the signature of the checkpoint is invalid", "not checked": "this browser has no Ed25519: the signature was not checked here" }[result.signature];
  return (
    <Panel title="Checked here, not by the server" aside={<button type="button" className="link" onClick={() => download("audit-verification.json", JSON.stringify(result, null, 2))}>Save the result</button>}>
      <div className="stack" style={{ gap: 8 }}>
        <Verdict state={isValid ? "ok" : "bad"}>{isValid ? `Unbroken: ${plural(result.checked, "entry", "entries")}, every hash and the root computed in ${seconds.toFixed(1)} s; ${signature}` : `Broken: ${plural(result.faults.length, "fault")} in ${plural(result.checked, "entry", "entries")}; ${signature}`}</Verdict>
        {result.faults.map((fault, index) => <div key={index}><p className="s-bad">✕ {fault.seq === null ? "" : `Entry ${fault.seq}: `}{fault.what}</p><pre className="code">expected {fault.expected}{"\n"}found    {fault.found}</pre></div>)}
        <p className="small mute wrap">root <code>{result.root}</code> · the same check: <code>kilter audit verify</code></p>
      </div>
    </Panel>
  );
}
