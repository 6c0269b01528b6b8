//! The state of a page is its address.
import { useNavigate, useSearch } from "@tanstack/react-router";

export type SearchState = Record<string, string | undefined>;

/** What the address says after `?`, and a way to change parts of it; what becomes empty disappears. */
export function useUrlState(): [SearchState, (change: SearchState, options?: { push?: boolean }) => void] {
  const search = useSearch({ strict: false }) as SearchState;
  const navigate = useNavigate();
  const change = (next: SearchState, options: { push?: boolean } = {}): void => {
    const merged = Object.fromEntries(Object.entries({ ...search, ...next }).filter(([, value]) => value !== undefined && value !== ""));
    void navigate({ to: ".", search: merged as never, replace: !options.push, resetScroll: false });
  };
  return [search, change];
}
