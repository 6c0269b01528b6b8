//! Keys of the keyboard. Off inside fields and while a dialog is open; `g` begins a two-key command.
import { useEffect, useRef } from "react";

type Handler = (event: KeyboardEvent) => void;
const layers: Record<string, Handler>[] = [];
let isAfterG = 0;

const isTyping = (target: EventTarget | null): boolean => target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) && (target as HTMLInputElement).type !== "checkbox");

function onKey(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.altKey) return;
  const isCommand = event.metaKey || event.ctrlKey;
  const name = isCommand ? `mod+${event.key.toLowerCase()}` : isAfterG > event.timeStamp - 1200 && isAfterG > 0 ? `g ${event.key}` : event.key;
  if (!isCommand && (isTyping(event.target) || document.querySelector("dialog[open]"))) return;
  isAfterG = 0;
  if (event.key === "g" && !isCommand && name === "g") {
    isAfterG = event.timeStamp;
    return;
  }
  const handler = layers.findLast((layer) => name in layer)?.[name];
  if (handler === undefined) return;
  event.preventDefault();
  handler(event);
}

if (typeof window !== "undefined") window.addEventListener("keydown", onKey);

/** Binds keys while the part is shown; what is bound last wins. */
export function useKeys(handlers: Record<string, Handler>): void {
  const current = useRef(handlers);
  current.current = handlers;
  const names = Object.keys(handlers).join(" , ");
  useEffect(() => {
    const layer = Object.fromEntries(names.split(" , ").filter(Boolean).map((name) => [name, (event: KeyboardEvent) => current.current[name]?.(event)]));
    layers.push(layer);
    return () => void layers.splice(layers.indexOf(layer), 1);
  }, [names]);
}
