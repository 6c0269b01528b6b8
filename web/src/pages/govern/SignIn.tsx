import { useMutation, useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { post } from "@/api/client";
import { status, whoami } from "@/api/queries";
import { forgetSession, hasToken, keepActor, keepToken, statedActor } from "@/api/session";
import { Failure, Head, Panel, Verdict } from "@/parts/basics";
import { person } from "@/words/format";

/** One card: a name in single-user mode, a password, or a token. */
export function SignIn() {
  const isSingle = useQuery({ ...status, retry: false }).data?.single_user;
  const me = useQuery({ ...whoami, retry: false }).data;
  const navigate = useNavigate();
  const [name, setName] = useState(statedActor()?.replace(/^user:/, "") ?? "");
  const [password, setPassword] = useState("");
  const [token, setToken] = useState("");
  const done = (): void => void navigate({ to: "/" });
  const login = useMutation({ mutationFn: () => post("/api/v1/login", { body: { actor: `user:${name.trim()}`, password } as never }), onSuccess: (session) => { keepToken(String((session as { token: unknown }).token)); done(); } });
  const isValidName = /^[a-z0-9][a-z0-9._-]*$/i.test(name.trim());
  return (
    <div style={{ width: "100%", maxWidth: 420, margin: "6vh auto 0" }} className="stack">
      <Head title="Who are you?" verdict={<Verdict state={me?.proven ? "ok" : "none"}>{me ? (me.proven ? `You are ${person(me.actor)}, and that is proven` : `You act as ${person(me.actor)}; nothing proves it`) : "The server does not know you yet"}</Verdict>} />
      {isSingle ? (
        <Panel title="Single-user mode">
          <form className="stack" onSubmit={(e) => { e.preventDefault(); if (isValidName) { keepActor(`user:${name.trim()}`); done(); } }}>
            <p className="mute">Nobody has an account, so a name is enough. It stands in the audit log beside what you do.</p>
            <label className="field"><span>Name</span><input value={name} onChange={(e) => setName(e.target.value)} autoComplete="username" autoFocus /></label>
            <button type="submit" className="button main" disabled={!isValidName}>Act as {name.trim() || "…"}</button>
          </form>
        </Panel>
      ) : (
        <Panel title="Name and password">
          <form className="stack" onSubmit={(e) => { e.preventDefault(); login.mutate(); }}>
            <label className="field"><span>Name</span><input value={name} onChange={(e) => setName(e.target.value)} autoComplete="username" autoFocus /></label>
            <label className="field"><span>Password</span><input type="password" value={password} onChange={(e) => setPassword(e.target.value)} autoComplete="current-password" /></label>
            {login.error && <Failure error={login.error} />}
            <button type="submit" className="button main" disabled={!isValidName || password === "" || login.isPending}>Sign in</button>
          </form>
        </Panel>
      )}
      <Panel title="Token">
        <form className="stack" onSubmit={(e) => { e.preventDefault(); keepToken(token.trim()); done(); }}>
          <label className="field"><span>Token, kept for this tab</span><input type="password" value={token} onChange={(e) => setToken(e.target.value)} autoComplete="off" spellCheck={false} /></label>
          <button type="submit" className="button" disabled={token.trim() === ""}>Use the token</button>
        </form>
      </Panel>
      {(hasToken() || statedActor()) && <button type="button" className="button" onClick={() => { forgetSession(); keepActor(null); setName(""); }}>Sign out</button>}
    </div>
  );
}
