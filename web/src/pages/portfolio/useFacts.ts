import { useQueries, useQuery } from "@tanstack/react-query";
import type { ModelFacts } from "@/api/loop";
import { alerts, inventory, models, objectives, status } from "@/api/queries";

/** What is known of every model, from the answers that the API has today. */
export function useFacts() {
  const [m, s, i, a] = [useQuery(models), useQuery(status), useQuery(inventory), useQuery(alerts(true))];
  const of = useQueries({ queries: (m.data?.items ?? []).map((model) => objectives(model.name)) });
  const facts: ModelFacts[] | undefined = m.data && s.data
    ? m.data.items.map((model, index) => {
        const endpoints = s.data.endpoints.filter((e) => e.live?.model === model.name || e.candidate?.model === model.name);
        const names = new Set(endpoints.map((e) => e.name));
        return { model, endpoints, objectives: of[index]?.data?.items, inventory: i.data?.items.find((entry) => entry.model === model.name), alerts: (a.data?.items ?? s.data.alerts).filter((alert) => names.has(alert.endpoint)) };
      })
    : undefined;
  return { data: facts, error: m.error ?? s.error, refetch: () => Promise.all([m.refetch(), s.refetch()]), status: s.data };
}
