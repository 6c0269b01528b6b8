//! Sheet, menu, tips and toasts on what browsers have (`<dialog>`, popover): focus is kept inside and given back, Esc closes, no style
//! is injected, so that the strict CSP holds.
import { type ReactNode, useEffect, useId, useRef, useState, useSyncExternalStore } from "react";
import { Icon } from "./Icon";
import { useKeys } from "./keys";

export function Dialog({ open, onClose, className, label, children }: { open: boolean; onClose: () => void; className: string; label: string; children: ReactNode }) {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const dialog = ref.current;
    if (open && dialog && !dialog.open) {
      dialog.showModal();
      dialog.querySelector<HTMLElement>("textarea, input, select")?.focus();
    }
    if (!open && dialog?.open) dialog.close();
  }, [open]);
  return (
    <dialog ref={ref} className={className} aria-label={label} onClose={onClose} onClick={(event) => event.target === ref.current && onClose()}>
      {open && children}
    </dialog>
  );
}

/** A dialog from the right: what will happen, what is asked, and one button that does it. */
export function Sheet({ open, onClose, title, children, footer, onSubmit, wide }: { open: boolean; onClose: () => void; title: string; children: ReactNode; footer?: ReactNode; onSubmit?: () => void; wide?: boolean }) {
  return (
    <Dialog open={open} onClose={onClose} className={wide ? "sheet wide" : "sheet"} label={title}>
      <form method="dialog" onSubmit={(event) => { event.preventDefault(); onSubmit?.(); }}>
        <header>
          <h2>{title}</h2>
          <button type="button" className="icon-button" aria-label="Close" data-tip="Close (Esc)" onClick={onClose}><Icon name="close" /></button>
        </header>
        <div className="content">{children}</div>
        {footer !== undefined && <footer>{footer}</footer>}
      </form>
    </Dialog>
  );
}

export type Action = { name: string; run: () => void; key?: string };
/** Actions behind `⋯`, and under the key `.` */
export function Menu({ actions, label = "More actions" }: { actions: Action[]; label?: string }) {
  const id = useId();
  const button = useRef<HTMLButtonElement>(null);
  const menu = useRef<HTMLDivElement>(null);
  useKeys({ ".": () => button.current?.click() });
  const place = (): void => {
    const box = button.current?.getBoundingClientRect();
    if (!box || !menu.current) return;
    menu.current.style.top = `${box.bottom + 4}px`;
    menu.current.style.right = `${Math.max(8, innerWidth - box.right)}px`;
    menu.current.querySelector("button")?.focus();
  };
  const move = (event: React.KeyboardEvent): void => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const items = [...(menu.current?.querySelectorAll("button") ?? [])];
    items[(items.indexOf(document.activeElement as HTMLButtonElement) + step + items.length) % items.length]?.focus();
  };
  return (
    <>
      <button ref={button} type="button" className="button" popoverTarget={id} aria-label={label} data-tip={`${label} (.)`}><Icon name="more" /></button>
      <div ref={menu} id={id} popover="auto" className="menu" role="menu" aria-label={label} onToggle={(event) => event.newState === "open" && place()} onKeyDown={move}>
        {actions.map((action) => (
          <button key={action.name} type="button" role="menuitem" onClick={() => { menu.current?.hidePopover(); action.run(); }}>
            {action.name} {action.key && <kbd>{action.key}</kbd>}
          </button>
        ))}
      </div>
    </>
  );
}

/** One tip for everything that has `data-tip`; also on focus. */
export function Tips() {
  const [tip, show] = useState<{ text: string; x: number; y: number; above: boolean } | null>(null);
  useEffect(() => {
    let timer = 0;
    const on = (event: Event): void => {
      window.clearTimeout(timer);
      const target = event.target instanceof Element ? event.target.closest("[data-tip]") : null;
      const text = target?.getAttribute("data-tip");
      if (!target || !text) return show(null);
      timer = window.setTimeout(() => {
        const box = target.getBoundingClientRect();
        const above = box.bottom > innerHeight - 80;
        show({ text, x: Math.min(box.left, innerWidth - 330), y: above ? box.top - 6 : box.bottom + 6, above });
      }, event.type === "focusin" ? 500 : 350);
    };
    const off = (): void => { window.clearTimeout(timer); show(null); };
    for (const name of ["pointerover", "focusin"]) document.addEventListener(name, on);
    for (const name of ["pointerdown", "keydown", "scroll"]) document.addEventListener(name, off, true);
    return () => {
      for (const name of ["pointerover", "focusin"]) document.removeEventListener(name, on);
      for (const name of ["pointerdown", "keydown", "scroll"]) document.removeEventListener(name, off, true);
    };
  }, []);
  if (!tip) return null;
  return <div className="tip" aria-hidden="true" style={{ left: Math.max(8, tip.x), top: tip.y, transform: tip.above ? "translateY(-100%)" : undefined }}>{tip.text}</div>;
}

type Toast = { id: number; text: ReactNode };
let toasts: Toast[] = [];
let number = 0;
const listeners = new Set<() => void>();
const set = (next: Toast[]): void => {
  toasts = next;
  for (const listener of listeners) listener();
};
/** Says what was done, for ten seconds. */
export function toast(text: ReactNode): void {
  const id = ++number;
  set([...toasts, { id, text }]);
  window.setTimeout(() => set(toasts.filter((t) => t.id !== id)), 10_000);
}
export function Toasts() {
  const shown = useSyncExternalStore((l) => { listeners.add(l); return () => void listeners.delete(l); }, () => toasts);
  return <div className="toasts" role="status">{shown.map((t) => <div className="toast" key={t.id}>{t.text}</div>)}</div>;
}
