//! What the palette and `/go/` find: fuzzy on names, exact on beginnings of ids and digests.
import type { Deployment, EndpointStatus, Model, RunSummary } from "@/api/queries";
import { places, settingsPlace } from "@/words/words";
import { shortId } from "@/words/format";

export type Target = { name: string; href: string; kind: string; ids?: string[] };

export function targets(known: { models?: Model[]; endpoints?: EndpointStatus[]; runs?: RunSummary[]; deployments?: Deployment[] }): Target[] {
  const part = encodeURIComponent;
  return [
    ...(known.models ?? []).flatMap((model) => [
      { name: model.name, href: `/models/${part(model.name)}`, kind: "model" },
      ...model.versions.map((v) => ({ name: `${model.name}@${v.number}`, href: `/models/${part(model.name)}/${v.number}`, kind: `version, ${v.state}`, ids: [v.digest] })),
    ]),
    ...(known.endpoints ?? []).flatMap((e) => [
      { name: e.name, href: `/deployments/${part(e.name)}`, kind: "deployment" },
      { name: `${e.name} monitor`, href: `/monitors/${part(e.name)}`, kind: "monitor" },
    ]),
    ...(known.runs ?? []).map((run) => ({ name: `run ${shortId(run.id)}`, href: `/runs/${run.id}`, kind: `run of ${run.project}, ${run.state}`, ids: [run.id, shortId(run.id)] })),
    ...[...places, settingsPlace].map((place) => ({ name: place.name, href: place.to, kind: "page" })),
  ];
}

/** How well `query` fits: exact beginnings first, then letters in their order, close together. 0: not at all. */
export function score(query: string, target: Target): number {
  const wanted = query.trim().toLowerCase();
  if (wanted === "") return 1;
  if (wanted.length >= 4 && target.ids?.some((id) => id.startsWith(wanted))) return 1000;
  const name = target.name.toLowerCase();
  if (name === wanted) return 900;
  if (name.startsWith(wanted)) return 700 - name.length;
  const found = name.indexOf(wanted);
  if (found >= 0) return 500 - found - name.length / 10;
  let last = -1;
  let gaps = 0;
  for (const letter of wanted) {
    const at = name.indexOf(letter, last + 1);
    if (at < 0) return 0;
    gaps += at - last - 1;
    last = at;
  }
  return Math.max(1, 200 - gaps * 5 - name.length);
}

export const best = (query: string, all: Target[], most: number): Target[] =>
  all.map((target) => ({ target, points: score(query, target) })).filter((s) => s.points > 0).sort((a, b) => b.points - a.points).slice(0, most).map((s) => s.target);

/** The nearest targets to an address that is none, by letters in common. */
export function nearest(path: string, all: Target[], most = 3): Target[] {
  const pairs = (text: string): Set<string> => new Set([...text.toLowerCase()].map((_, i, letters) => letters.slice(i, i + 2).join("")));
  const wanted = pairs(decodeURIComponent(path));
  const likeness = (target: Target): number => {
    const own = pairs(`${target.href} ${target.name}`);
    return [...wanted].filter((pair) => own.has(pair)).length / Math.sqrt(own.size + 1);
  };
  return [...all].sort((a, b) => likeness(b) - likeness(a)).slice(0, most);
}
