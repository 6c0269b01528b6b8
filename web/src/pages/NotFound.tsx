import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useLocation } from "@tanstack/react-router";
import { models, runs, status } from "@/api/queries";
import { nearest, targets } from "@/api/find";
import { Head, Panel, To, Verdict } from "@/parts/basics";
import { words } from "@/words/words";

/** Says what was looked for, and offers the three nearest matches. */
export function NotFound({ what }: { what?: string }) {
  const { pathname } = useLocation();
  const wanted = what ?? pathname;
  const known = { models: useQuery(models).data?.items ?? [], endpoints: useQuery(status).data?.endpoints ?? [], runs: useInfiniteQuery(runs).data?.pages.flatMap((p) => p.items) ?? [] };
  return (
    <>
      <Head title="Not found" verdict={<Verdict state="none">{words.notThere}: <code className="wrap">{wanted}</code></Verdict>} />
      <Panel title="The nearest matches" flush>
        <ul className="list">{nearest(wanted, targets(known)).map((t) => <li key={t.href}><span className="line"><To href={t.href}>{t.name}</To><span className="mute">{t.kind}</span></span></li>)}</ul>
      </Panel>
    </>
  );
}
