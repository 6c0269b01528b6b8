//! An act of a person: a sheet that says what will happen, asks why, waits for the server, and shows what it answered.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { Copy, Failure } from "./basics";
import { Sheet, toast } from "./overlay";
import { words } from "@/words/words";

type Props = {
  title: string;
  button: string;
  /** What will happen, before it does. */
  children: ReactNode;
  /** The same act in the terminal. */
  command: (reason: string) => string;
  run: (reason: string) => Promise<unknown>;
  done: ReactNode;
  onClose: () => void;
  needsReason?: boolean;
  isBad?: boolean;
  canRun?: boolean;
};

/** Never optimistic: it waits for the server, and only then says that it is done. */
export function Act({ title, button, children, command, run, done, onClose, needsReason, isBad, canRun = true }: Props) {
  const [reason, setReason] = useState("");
  const client = useQueryClient();
  const act = useMutation({
    mutationFn: () => run(reason.trim()),
    onSuccess: () => { toast(done); onClose(); return client.invalidateQueries(); },
  });
  const isMissing = Boolean(needsReason) && reason.trim() === "";
  return (
    <Sheet open onClose={onClose} title={title} onSubmit={() => !isMissing && canRun && !act.isPending && act.mutate()}
      footer={<><span className="small mute wrap"><Copy text={command(reason.trim())} label="Copy as a command" /></span><button type="button" className="button" onClick={onClose}>Cancel</button><button type="submit" className={isBad ? "button bad" : "button main"} disabled={isMissing || !canRun || act.isPending} data-tip={isMissing ? "A reason is needed" : undefined}>{act.isPending ? "Waiting for the ledger…" : button}</button></>}>
      {children}
      <label className="field">
        <span>{words.reasonLabel}{needsReason ? "" : " (optional)"}</span>
        <textarea value={reason} onChange={(event) => setReason(event.target.value)} autoFocus />
      </label>
      {act.error && <Failure error={act.error} />}
    </Sheet>
  );
}
