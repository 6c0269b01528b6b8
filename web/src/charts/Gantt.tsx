//! Steps as bars, one after another in their order: where the time goes. Steps have durations but no clock times today, and the caption says so.
import type { State } from "@/api/loop";

export type GanttStep = { name: string; ms: number; state: State; isCached: boolean; note: string };
type Props = { steps: GanttStep[]; chosen: string | null; onChoose: (name: string) => void; duration: (ms: number) => string; glyph: (state: State) => string };

export function Gantt({ steps, chosen, onChoose, duration, glyph }: Props) {
  const ran = (step: GanttStep): number => (step.isCached ? 0 : step.ms);
  const total = steps.reduce((sum, step) => sum + ran(step), 0) || 1;
  let before = 0;
  return (
    <div role="list" aria-label="Steps in their order">
      {steps.map((step) => {
        const start = before;
        before += ran(step);
        const label = `${step.name}: ${step.note}, ${step.isCached ? "cached" : duration(step.ms)}`;
        return (
          <div key={step.name} role="listitem">
            <button type="button" className="choose gantt" aria-current={chosen === step.name} data-tip={label} onClick={() => onChoose(step.name)}>
              <span className="strong">{step.name}</span>
              <span className={`s-${step.state}`} aria-hidden="true">{glyph(step.state)}</span>
              <span className="track"><i style={{ left: `${(start / total) * 100}%`, width: `${Math.max(0.4, (ran(step) / total) * 100)}%`, background: `var(--${step.state === "bad" ? "bad" : step.state === "ok" ? "s1" : "none"})`, opacity: step.isCached ? 0.3 : 0.85 }} /></span>
              <span className="num mute right">{step.isCached ? "cached" : duration(step.ms)}</span>
            </button>
          </div>
        );
      })}
    </div>
  );
}
