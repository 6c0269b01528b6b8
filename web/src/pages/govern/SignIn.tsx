import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useRouter, useSearch } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { post, type Schemas } from "@/api/client";
import { loginOptions, whoami } from "@/api/queries";
import { hasSession, keepActor, keepCsrf, statedActor } from "@/api/session";
import { Failure, Head, Panel, Verdict } from "@/parts/basics";
import { person } from "@/words/format";
import { backTo, finishLogin, rememberLogin } from "./provider";

type Way = Schemas["NewSession"];

/** One card: in single-user mode a name, else the ways that the server has: its OpenID provider, a password, a token. */
export function SignIn() {
  const options = useQuery(loginOptions).data;
  const me = useQuery({ ...whoami, retry: false }).data;
  const search = useSearch({ strict: false }) as Record<string, string>;
  const router = useRouter();
  const client = useQueryClient();
  const back = backTo(search["return"]);
  const signIn = useMutation({
    mutationFn: async ({ way }: { way: Way; to: string }) => keepCsrf((await post("/api/v1/session", { body: way as never })).csrf),
    onSuccess: async (_, { to }) => {
      await client.resetQueries();
      router.history.push(to);
    },
  });
  const signOut = useMutation({
    mutationFn: () => post("/api/v1/session/end"),
    onSuccess: () => {
      keepCsrf(null);
      keepActor(null);
      return client.resetQueries();
    },
  });
  const { mutate } = signIn;
  useEffect(() => {
    const finished = finishLogin(search);
    if (finished) mutate({ way: { provider: finished.code }, to: finished.to });
  }, [search, mutate]);
  const isIn = hasSession() || statedActor() !== null;
  return (
    <div style={{ width: "100%", maxWidth: 420, margin: "6vh auto 0" }} className="stack">
      <Head title="Who are you?" verdict={<Verdict state={me?.proven ? "ok" : "none"}>{me ? (me.proven ? `You are ${person(me.actor)}, and that is proven` : `You act as ${person(me.actor)}; nothing proves it`) : search["return"] ? "Nobody is signed in, or the session has ended" : "The server does not know you yet"}</Verdict>} />
      {search["error"] && <p className="s-bad">✕ The provider let nobody in: {search["error_description"] ?? search["error"]}</p>}
      {signIn.error && <Failure error={signIn.error} />}
      {options && !options.required && <NameAlone done={() => router.history.push(back)} />}
      {options?.provider && <Provider issuer={options.provider} back={back} />}
      {options?.password && <Password isBusy={signIn.isPending} send={(way) => mutate({ way, to: back })} />}
      {options?.token && <Token isBusy={signIn.isPending} send={(way) => mutate({ way, to: back })} />}
      {isIn && <button type="button" className="button" disabled={signOut.isPending} onClick={() => signOut.mutate()}>Sign out</button>}
    </div>
  );
}

const isName = (text: string): boolean => /^[a-z0-9][a-z0-9._-]*$/i.test(text.trim());

function NameAlone({ done }: { done: () => void }) {
  const [name, setName] = useState(statedActor()?.replace(/^user:/, "") ?? "");
  return (
    <Panel title="Single-user mode">
      <form className="stack" onSubmit={(e) => { e.preventDefault(); if (isName(name)) { keepActor(`user:${name.trim()}`); done(); } }}>
        <p className="mute">Nobody has an account, so a name is enough. It stands in the audit log beside what you do.</p>
        <label className="field"><span>Name</span><input value={name} onChange={(e) => setName(e.target.value)} autoComplete="username" autoFocus /></label>
        <button type="submit" className="button main" disabled={!isName(name)}>Act as {name.trim() || "…"}</button>
      </form>
    </Panel>
  );
}

function Provider({ issuer, back }: { issuer: string; back: string }) {
  const begin = useMutation({
    mutationFn: () => post("/api/v1/login/provider", { body: { redirect_uri: `${location.origin}/sign-in` } }),
    onSuccess: (login) => { rememberLogin(login, back); location.assign(login.url); },
  });
  return (
    <Panel title="OpenID provider">
      {begin.error && <Failure error={begin.error} />}
      <button type="button" className="button main" disabled={begin.isPending} onClick={() => begin.mutate()}>Sign in at {issuer.replace(/^https?:\/\//, "")}</button>
    </Panel>
  );
}

function Password({ isBusy, send }: { isBusy: boolean; send: (way: Way) => void }) {
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  return (
    <Panel title="Name and password">
      <form className="stack" onSubmit={(e) => { e.preventDefault(); send({ password: { actor: `user:${name.trim()}`, password } }); setPassword(""); }}>
        <label className="field"><span>Name</span><input value={name} onChange={(e) => setName(e.target.value)} autoComplete="username" autoFocus /></label>
        <label className="field"><span>Password</span><input type="password" value={password} onChange={(e) => setPassword(e.target.value)} autoComplete="current-password" /></label>
        <button type="submit" className="button main" disabled={!isName(name) || password === "" || isBusy}>Sign in</button>
      </form>
    </Panel>
  );
}

function Token({ isBusy, send }: { isBusy: boolean; send: (way: Way) => void }) {
  const [token, setToken] = useState("");
  return (
    <Panel title="Token">
      <form className="stack" onSubmit={(e) => { e.preventDefault(); send({ token: token.trim() }); setToken(""); }}>
        <label className="field"><span>Token; the browser keeps it where no script reads it</span><input type="password" value={token} onChange={(e) => setToken(e.target.value)} autoComplete="off" spellCheck={false} /></label>
        <button type="submit" className="button" disabled={token.trim() === "" || isBusy}>Use the token</button>
      </form>
    </Panel>
  );
}
