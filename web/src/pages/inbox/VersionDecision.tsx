//! A version that waits for a decision: its gates, and approve or reject without leaving the inbox.
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { type Version, version as versionQuery } from "@/api/queries";
import { Await } from "@/parts/basics";
import { useKeys } from "@/parts/keys";
import { Decide, useObstacle } from "@/pages/models/Decide";
import { Gates } from "@/pages/models/Gates";

export function VersionDecision({ model, number }: { model: string; number: number }) {
  return <Await of={useQuery(versionQuery(model, number))} rows={3}>{(version) => <Decision version={version} />}</Await>;
}

function Decision({ version }: { version: Version }) {
  const [act, setAct] = useState<"approve" | "reject" | null>(null);
  const obstacle = useObstacle(version);
  const canReject = ["validated", "candidate"].includes(version.state);
  const approve = (): void => { if (obstacle === null) setAct("approve"); };
  const reject = (): void => { if (canReject) setAct("reject"); };
  useKeys({ a: approve, r: reject });
  return (
    <>
      <div className="actions">
        <button type="button" className="button bad" data-tip={canReject ? "Reject (r)" : `v${version.number} is ${version.state}`} aria-disabled={!canReject} onClick={reject}>Reject…</button>
        <button type="button" className="button main" data-tip={obstacle ?? "Approve (a)"} aria-disabled={obstacle !== null} aria-label={obstacle ? `Approve: not possible, ${obstacle}` : "Approve"} onClick={approve}>Approve…</button>
      </div>
      <Gates gates={version.gates ?? []} waivers={version.standing?.waivers ?? []} />
      {act && <Decide version={version} kind={act} onClose={() => setAct(null)} />}
    </>
  );
}
