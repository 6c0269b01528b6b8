import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useLocation } from "@tanstack/react-router";
import { models, runs, status } from "@/api/queries";
import { nearest, targets } from "@/api/find";
import { Empty, To } from "@/parts/basics";
import { words } from "@/words/words";

/** Says what was looked for, and offers the three nearest matches. */
export function NotFound({ what }: { what?: string }) {
  const { pathname } = useLocation();
  const wanted = what ?? pathname;
  const known = { models: useQuery(models).data?.items ?? [], endpoints: useQuery(status).data?.endpoints ?? [], runs: useInfiniteQuery(runs).data?.pages.flatMap((p) => p.items) ?? [] };
  return (
    <Empty title={<>{words.notThere}: <code>{wanted}</code></>}>
      <p>The nearest matches:</p>
      <ul>{nearest(wanted, targets(known)).map((t) => <li key={t.href}><To href={t.href}>{t.name}</To> <span className="mute">{t.kind}</span></li>)}</ul>
    </Empty>
  );
}
