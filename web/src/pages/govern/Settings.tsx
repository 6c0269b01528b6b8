import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { post } from "@/api/client";
import { accounts, health, readiness, signingKeys, status, tokens, whoami } from "@/api/queries";
import { Act } from "@/parts/Act";
import { Await, Chip, Copy, Empty, Failure, Head, Pairs, Panel, Time, To, Verdict } from "@/parts/basics";
import { Table } from "@/parts/Table";
import { duration, person, plural, short } from "@/words/format";

export function Settings() {
  const [me, ready, alive, now] = [useQuery(whoami), useQuery(readiness), useQuery(health), useQuery(status)];
  const failing = ready.data?.checks.filter((c) => !c.ok) ?? [];
  return (
    <>
      <Head title="Settings" verdict={<Verdict state={failing.length > 0 ? "warn" : ready.data ? "ok" : "none"}>{ready.data ? (failing.length === 0 ? `Ready: ${plural(ready.data.checks.length, "check")} passed` : `${plural(failing.length, "check")} failed: ${failing.map((c) => c.name).join(", ")}`) : "Asks the server"}</Verdict>} />
      <div className="grid half">
        <div className="stack">
          <Panel title="You" aside={<To href="/sign-in">Change</To>}>
            <Await of={me} rows={2}>{(w) => <Pairs of={[["Name", person(w.actor)], ["Proven", w.proven ? "yes" : "no: it is what the caller says"], ["Groups", w.groups.join(", ") || "–"], ["Administers", w.admin ? "yes" : "no"]]} />}</Await>
          </Panel>
          <People />
          <TokenList />
        </div>
        <div className="stack">
          <Panel title="This server">
            <Await of={now} rows={3}>{(s) => <Pairs of={[["Version", alive.data?.version ?? "–"], ["Up for", duration(alive.data?.uptime_ms)], ["Mode", s.single_user ? "single user: a name alone is an identity" : "accounts"], ["gRPC", s.grpc_address ?? "–"], ["API", <a key="a" href="/api/v1/openapi.json">OpenAPI document</a>], ["Licence", "Apache-2.0; fonts Inter and JetBrains Mono: SIL OFL 1.1"]]} />}</Await>
            {now.data?.damage?.map((text) => <p key={text} className="s-bad">✕ {text}</p>)}
          </Panel>
          <Panel title="Checks" flush>
            <Await of={ready}>{(r) => <ul className="list">{r.checks.map((c) => <li key={c.name}><span className="line"><span className={c.ok ? "s-ok" : "s-bad"}>{c.ok ? "✓" : "✕"}</span><span>{c.name}</span><span className="mute">{c.detail}</span></span></li>)}</ul>}</Await>
          </Panel>
          <Panel title="Signing keys" flush>
            <Await of={useQuery(signingKeys)}>{(k) => <Table label="Signing keys" rows={k.items} id={(key) => key.id} columns={[{ key: "id", head: "Key", cell: (key) => <Copy text={key.id}>{short(key.id, 12)}</Copy> }, { key: "purpose", head: "Signs", cell: (key) => key.purpose }, { key: "state", head: "State", cell: (key) => <Chip state={key.state === "active" ? "ok" : key.state === "revoked" ? "bad" : "none"}>{key.state}</Chip> }, { key: "since", head: "Since", cell: (key) => <Time at={key.since} /> }]} />}</Await>
          </Panel>
        </div>
      </div>
    </>
  );
}

function People() {
  const isAdmin = useQuery(whoami).data?.admin ?? false;
  // Asking without the right would be refused, and refusals are entries of the audit log.
  const found = useQuery({ ...accounts, enabled: isAdmin });
  return (
    <Panel title="People and services" flush>
      {!isAdmin ? <Empty title="Only those who administer the platform see accounts."><pre className="code">kilter user add NAME --admin</pre></Empty> : found.error ? <Failure error={found.error} /> : (
        <Await of={found}>{({ accounts: all }) => all.length === 0 ? <Empty title="Nobody has an account: whoever reaches the server is trusted."><pre className="code">kilter user add NAME --admin</pre></Empty> : <Table label="Accounts" rows={all} id={(a) => String(a.actor)} columns={[{ key: "actor", head: "Account", cell: (a) => person(String(a.actor)) }, { key: "groups", head: "Groups", cell: (a) => a.groups.join(", ") || "–" }, { key: "admin", head: "Administers", cell: (a) => (a.admin ? "yes" : "–") }, { key: "created", head: "Since", cell: (a) => <Time at={a.created} /> }, { key: "state", head: "State", cell: (a) => <Chip state={a.disabled ? "bad" : "ok"}>{a.disabled ? "disabled" : "active"}</Chip> }]} />}</Await>
      )}
    </Panel>
  );
}

function TokenList() {
  const found = useQuery(tokens);
  const [revoke, setRevoke] = useState<{ id: string; name: string } | null>(null);
  return (
    <Panel title="Tokens" flush>
      <Await of={found}>{({ tokens: all }) => all.length === 0 ? <Empty title="No token."><pre className="code">kilter token create NAME</pre></Empty> : <Table label="Tokens" rows={all} id={(t) => t.id} columns={[{ key: "name", head: "Token", cell: (t) => t.name }, { key: "actor", head: "Whose", cell: (t) => person(String(t.actor)) }, { key: "used", head: "Last used", cell: (t) => <Time at={t.last_used} /> }, { key: "expires", head: "Ends", cell: (t) => <Time at={t.expires} /> }, { key: "revoke", head: <span className="sr">Revoke</span>, cell: (t) => (t.revoked ? <Chip state="bad">revoked</Chip> : <button type="button" className="button small bad" onClick={() => setRevoke(t)}>Revoke…</button>) }]} />}</Await>
      {revoke && <Act title={`Revoke token ${revoke.name}`} button="Revoke" isBad onClose={() => setRevoke(null)} command={() => `kilter token revoke ${revoke.id}`} done={`Token ${revoke.name} does nothing any more.`} run={() => post("/api/v1/tokens/{id}/revoke", { path: { id: revoke.id } })}><p>Whoever uses it is refused from now on. It cannot be taken back.</p></Act>}
    </Panel>
  );
}
