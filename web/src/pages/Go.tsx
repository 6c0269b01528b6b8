import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Navigate, useParams } from "@tanstack/react-router";
import { models, runs, status } from "@/api/queries";
import { best, targets } from "@/api/find";
import { Skeleton } from "@/parts/basics";
import { NotFound } from "./NotFound";

/** `/go/:any`: an id, the beginning of one, a digest, `model@version`. */
export function Go() {
  const { any = "" } = useParams({ strict: false });
  const [m, s, r] = [useQuery(models), useQuery(status), useInfiniteQuery(runs)];
  if (m.isPending || s.isPending || r.isPending) return <Skeleton />;
  const found = best(any, targets({ models: m.data?.items ?? [], endpoints: s.data?.endpoints ?? [], runs: r.data?.pages.flatMap((p) => p.items) ?? [] }), 1)[0];
  return found ? <Navigate to={found.href} replace /> : <NotFound what={any} />;
}
