import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, Outlet, useLocation, useNavigate } from "@tanstack/react-router";
import { lazy, Suspense, useEffect, useRef, useState, useSyncExternalStore } from "react";
import { ApiError } from "@/api/client";
import { inbox, whoami } from "@/api/queries";
import { onSessionChange, statedActor } from "@/api/session";
import { Icon, Logo } from "@/parts/Icon";
import { useKeys } from "@/parts/keys";
import { Sheet, Tips, Toasts, toast } from "@/parts/overlay";
import { clock } from "@/words/format";
import { keys, type Place, places, settingsPlace, words } from "@/words/words";
import { commandFor } from "./command";
import { remember } from "./recent";
import { follow, useStream } from "./stream";
import { toggleTheme } from "./theme";

const Palette = lazy(() => import("./Palette"));

const isFoldedAtFirst = (): boolean => {
  try {
    return localStorage.getItem("kilter.folded") === "1";
  } catch {
    return false;
  }
};

export function Shell() {
  const [isFolded, setFolded] = useState(isFoldedAtFirst);
  const [dialog, setDialog] = useState<"palette" | "keys" | "more" | null>(null);
  const client = useQueryClient();
  const navigate = useNavigate();
  const { pathname, href } = useLocation();
  const main = useRef<HTMLElement>(null);
  const waiting = useQuery(inbox).data?.items.filter((item) => item.is_mine).length ?? 0;

  useEffect(() => follow(client), [client]);
  useEffect(() => onSessionChange(() => void client.invalidateQueries()), [client]);
  useFocusOnNavigation(pathname, main);
  useSignIn(pathname, href);

  const copy = (text: string): void => void navigator.clipboard.writeText(text).then(() => toast(<>{words.copied}: <code>{text}</code></>));
  const fold = (): void => {
    setFolded(!isFolded);
    try { localStorage.setItem("kilter.folded", isFolded ? "0" : "1"); } catch { /* Storage is off. */ }
  };
  useKeys({
    "mod+k": () => setDialog("palette"), "?": () => setDialog("keys"), t: toggleTheme, "[": fold,
    y: () => copy(location.href), Y: () => copy(commandFor(href)),
    "/": () => main.current?.querySelector<HTMLInputElement>("input.filter")?.focus(),
    ...Object.fromEntries([...places, settingsPlace].map((place) => [`g ${place.key}`, () => void navigate({ to: place.to })])),
  });

  return (
    <div className={isFolded ? "shell folded" : "shell"}>
      <a className="skip" href="#main">{words.skip}</a>
      <Side waiting={waiting} onFold={fold} />
      <div className="main">
        <div className="top">
          <Crumbs pathname={pathname} />
          <span className="grow" />
          <StreamDot />
          <button type="button" className="ask" onClick={() => setDialog("palette")}><Icon name="search" /><span>{words.search}</span><kbd aria-hidden="true">⌘K</kbd></button>
          <button type="button" className="icon-button" aria-label="Light or dark" data-tip="Light or dark (t)" onClick={toggleTheme}><Icon name="sun" /></button>
        </div>
        <main id="main" ref={main} tabIndex={-1} className="page"><Outlet /></main>
      </div>
      <Bottom waiting={waiting} onMore={() => setDialog("more")} />
      <Suspense>{dialog === "palette" && <Palette open onClose={() => setDialog(null)} />}</Suspense>
      <Sheet open={dialog === "keys"} onClose={() => setDialog(null)} title="Keys">
        <dl className="pairs">
          {keys.map(([key, what]) => <div key={key} style={{ display: "contents" }}><dt><kbd>{key}</kbd></dt><dd>{what}</dd></div>)}
          {[...places, settingsPlace].map((place) => <div key={place.to} style={{ display: "contents" }}><dt><kbd>g</kbd> <kbd>{place.key}</kbd></dt><dd>{place.name}</dd></div>)}
        </dl>
      </Sheet>
      <Sheet open={dialog === "more"} onClose={() => setDialog(null)} title="All pages">
        <nav aria-label="All pages" className="stack">{[...places, settingsPlace].map((place) => <Link key={place.to} to={place.to} className="line" onClick={() => setDialog(null)}><Icon name={place.icon} />{place.name}</Link>)}</nav>
      </Sheet>
      <Toasts />
      <Tips />
    </div>
  );
}

/** Goes to the sign-in where nobody is signed in, and back to the page afterwards. */
function useSignIn(pathname: string, href: string): void {
  const { error } = useQuery({ ...whoami, retry: false });
  const navigate = useNavigate();
  const isOut = error instanceof ApiError && error.problem.status === 401;
  useEffect(() => {
    if (isOut && pathname !== "/sign-in") void navigate({ to: "/sign-in", search: { return: href } as never, replace: true });
  }, [isOut, pathname, href, navigate]);
}

/** Moves the focus to the page that was gone to, names the tab, and remembers the address. */
function useFocusOnNavigation(pathname: string, main: React.RefObject<HTMLElement | null>): void {
  const before = useRef(pathname);
  useEffect(() => {
    const name = nameOf(pathname);
    document.title = name === "Portfolio" ? "Kilter" : `${name} · Kilter`;
    remember({ href: pathname, name });
    if (before.current !== pathname) main.current?.focus({ preventScroll: true });
    before.current = pathname;
  }, [pathname, main]);
}

const nameOf = (pathname: string): string => {
  const [first = "", ...rest] = pathname.split("/").filter(Boolean).map(decodeURIComponent);
  const place = [...places, settingsPlace].find((p) => p.to === `/${first}`)?.name ?? "Kilter";
  return rest.length > 0 ? `${place}: ${rest.map((part) => (part.length > 24 ? part.slice(-8) : part)).join(" / ")}` : place;
};

function Side({ waiting, onFold }: { waiting: number; onFold: () => void }) {
  return (
    <nav className="side" aria-label="Pages">
      <Link to="/" className="brand" aria-label="Kilter, portfolio"><Logo /><span>Kilter</span></Link>
      {places.map((place, index) => (
        <div key={place.to} style={{ display: "contents" }}>
          {place.group !== null && place.group !== places[index - 1]?.group && <h2>{place.group}</h2>}
          <PlaceLink place={place} badge={place.to === "/inbox" ? waiting : 0} />
        </div>
      ))}
      <span className="grow" />
      <PlaceLink place={settingsPlace} badge={0} />
      <Who />
      <button type="button" className="place link" aria-label="Fold the side bar" data-tip="Fold the side bar ([)" onClick={onFold}><Icon name="fold" /><span className="name">Fold</span></button>
    </nav>
  );
}

function PlaceLink({ place, badge }: { place: Place; badge: number }) {
  return (
    <Link to={place.to} className="place" activeOptions={{ exact: place.to === "/", includeSearch: false }} activeProps={{ className: "active", "aria-current": "page" }} data-tip={`${place.hint} (g ${place.key})`} aria-label={badge > 0 ? `${place.name}, ${badge} wait for you` : place.name}>
      <Icon name={place.icon} />
      <span className="name">{place.name}</span>
      {badge > 0 && <span className="badge">{badge}</span>}
    </Link>
  );
}

function Who() {
  const stated = useSyncExternalStore(onSessionChange, statedActor);
  const me = useQuery({ ...whoami, retry: false }).data;
  const actor = me?.proven ? String(me.actor) : stated;
  return <Link to="/sign-in" className="place" data-tip="Who you are"><Icon name="check" /><span className="name">{actor?.replace(/^user:/, "") ?? "Sign in"}</span></Link>;
}

function Bottom({ waiting, onMore }: { waiting: number; onMore: () => void }) {
  const few = places.filter((place) => ["/", "/inbox", "/deployments"].includes(place.to));
  return (
    <nav className="bottom" aria-label="Pages, short">
      {few.map((place) => (
        <Link key={place.to} to={place.to} activeOptions={{ exact: place.to === "/" }} activeProps={{ className: "active", "aria-current": "page" }}>
          <Icon name={place.icon} /><span>{place.name}{place.to === "/inbox" && waiting > 0 ? ` ${waiting}` : ""}</span>
        </Link>
      ))}
      <button type="button" onClick={onMore}><Icon name="more" /><span>More</span></button>
    </nav>
  );
}

function Crumbs({ pathname }: { pathname: string }) {
  const parts = pathname.split("/").filter(Boolean);
  const first = [...places, settingsPlace].find((place) => place.to === `/${parts[0] ?? ""}`);
  const trail = [{ to: first?.to ?? "/", name: first?.name ?? (parts.length === 0 ? "Portfolio" : decodeURIComponent(parts[0] ?? "")) }, ...parts.slice(1).map((part, i) => ({ to: `/${parts.slice(0, i + 2).join("/")}`, name: decodeURIComponent(part) }))];
  return (
    <nav className="crumbs" aria-label="Where this is">
      {trail.map((step, index) => {
        const name = step.name.length === 36 ? step.name.slice(-8) : step.name;
        const isLast = index === trail.length - 1;
        return <span key={step.to} className="crumbs">{index > 0 && <span aria-hidden="true">/</span>}{isLast ? <span aria-current="page">{name}</span> : <Link to={step.to}>{name}</Link>}</span>;
      })}
    </nav>
  );
}

function StreamDot() {
  const { state, heard } = useStream();
  const text = { live: "Follows the server live", polling: "Asks the server every 10 s what changed", stale: "The server does not answer; this is what was known last" }[state];
  return <span className={`dot ${state === "stale" ? "stale" : ""}`} role="status" aria-label={text} data-tip={text}>{state === "stale" ? `as of ${clock(heard)}` : ""}</span>;
}
