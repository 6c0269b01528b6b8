import { useQuery, useInfiniteQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { models, runs, status } from "@/api/queries";
import { Dialog } from "@/parts/overlay";
import { best, type Target, targets } from "@/api/find";
import { recent } from "./recent";
import { toggleTheme } from "./theme";

type Entry = Target & { run?: () => void };
const commands: Entry[] = [{ name: "Light or dark", href: "", kind: "command", run: toggleTheme }, { name: "Print this page", href: "", kind: "command", run: () => window.print() }];

/** ⌘K: any object, any page, and the commands; what was visited last comes first. */
export default function Palette({ open, onClose }: { open: boolean; onClose: () => void }) {
  return <Dialog open={open} onClose={onClose} className="palette" label="Search or run">{open && <Finder onClose={onClose} />}</Dialog>;
}

function Finder({ onClose }: { onClose: () => void }) {
  const [query, setQuery] = useState("");
  const [at, setAt] = useState(0);
  const navigate = useNavigate();
  const known = { models: useQuery(models).data?.items, endpoints: useQuery(status).data?.endpoints, runs: useInfiniteQuery(runs).data?.pages.flatMap((page) => page.items) };
  const all: Entry[] = [...targets(known as Parameters<typeof targets>[0]), ...commands];
  const found: Entry[] = query === "" ? [...recent().map((r) => ({ ...r, kind: "recent" })), ...all.filter((t) => t.kind === "page")].slice(0, 14) : best(query, all, 14);
  const go = (entry: Entry | undefined): void => {
    if (!entry) return;
    onClose();
    if (entry.run) entry.run();
    else void navigate({ href: entry.href });
  };
  const onKeyDown = (event: React.KeyboardEvent): void => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Enter") go(found[at]);
    else if (step !== undefined && found.length > 0) setAt((at + step + found.length) % found.length);
    else return;
    event.preventDefault();
  };
  return (
    <>
      <input autoFocus role="combobox" aria-expanded="true" aria-controls="palette-list" aria-activedescendant={found[at] ? `palette-${at}` : undefined} aria-label="Search or run"
        placeholder="A model, version, run, hash or page" value={query} onChange={(event) => { setQuery(event.target.value); setAt(0); }} onKeyDown={onKeyDown} />
      <ul id="palette-list" role="listbox" aria-label="Found">
        {found.map((entry, index) => (
          <li key={`${entry.kind}${entry.href}${entry.name}`} id={`palette-${index}`} role="option" aria-selected={index === at} onPointerMove={() => setAt(index)} onClick={() => go(entry)}>
            <span>{entry.name}</span>
            <span className="kind">{entry.kind}</span>
          </li>
        ))}
        {found.length === 0 && <li aria-disabled="true" role="option" aria-selected="false" className="mute">Nothing is called so. Ids and hashes are found by their first four digits.</li>}
      </ul>
    </>
  );
}
