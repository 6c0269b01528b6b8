import { readRule, type RuleSentence } from "@/api/gate";
import type { State } from "@/api/loop";
import type { GateVerdict } from "@/api/queries";
import type { Schemas } from "@/api/client";
import { Bullet } from "@/charts/Bullet";
import { Chip, Empty, Panel, Time } from "@/parts/basics";
import { interval, number, sentence, signs } from "@/words/format";

const verdictState: Record<GateVerdict["verdict"], State> = { passed: "ok", failed: "bad", undecided: "wait" };
const ruleWord: Partial<Record<State, string>> = { ok: "Pass", warn: "Near limit", bad: "Refused", wait: "Undecided", thin: "See below" };

/** Every gate with its rules: the value, its interval beside the limit, the verdict; what was noted, below. */
export function Gates({ gates, waivers }: { gates: GateVerdict[]; waivers: Schemas["Waiver"][] }) {
  if (gates.length === 0) return <Panel title="Gates"><Empty title="No gate has judged this version.">It is judged when it is submitted.</Empty></Panel>;
  return (
    <Panel title="Gates" aside="bar: 95 % interval · line: limit" flush>
      {gates.map((gate) => {
        const rules = gate.reason.map(readRule);
        const asBullets = rules.filter((rule) => rule.value !== null && rule.bound !== null);
        const rest = rules.filter((rule) => !asBullets.includes(rule));
        return (
          <div key={gate.gate}>
            <div className="body line">
              <strong>{gate.gate}</strong>
              <Chip state={verdictState[gate.verdict]}>{gate.verdict === "failed" ? "Refused" : sentence(gate.verdict)}</Chip>
              <span className="mute small">judged <Time at={gate.at} /></span>
            </div>
            {asBullets.length > 0 && (
              <div className="table">
                <table aria-label={`Rules of gate ${gate.gate}`}>
                  <thead><tr><th scope="col">Rule</th><th scope="col" className="right">Limit</th><th scope="col" className="right">Measured</th><th scope="col">Interval</th><th scope="col">Verdict</th></tr></thead>
                  <tbody>{asBullets.map((rule) => <RuleRow key={rule.text} rule={rule} isWaived={waivers.some((w) => w.state === "granted" && w.gate === gate.gate && rule.metric !== null && w.rule.startsWith(rule.metric))} />)}</tbody>
                </table>
              </div>
            )}
            {rest.length > 0 && <ul className="body stack" style={{ gap: 6 }}>{rest.map((rule) => <li key={rule.text} className={rule.isNote ? "mute" : ""}>{rule.isNote ? "Note: " : ""}{signs(rule.text)}</li>)}</ul>}
          </div>
        );
      })}
    </Panel>
  );
}

function RuleRow({ rule, isWaived }: { rule: RuleSentence; isWaived: boolean }) {
  const label = signs(rule.text);
  return (
    <tr>
      <td className="strong" data-tip={label}>{rule.metric}</td>
      <td className="right nowrap">{signs(rule.operator ?? "")} {number(rule.bound)}</td>
      <td className="right nowrap" data-tip={label}>{interval(rule.value, rule.low, rule.high)}</td>
      <td><Bullet value={rule.value ?? 0} low={rule.low} high={rule.high} bound={rule.bound ?? 0} operator={rule.operator ?? ">="} state={rule.state} label={label} /></td>
      <td><Chip state={rule.state} tip={label}>{isWaived ? "Waived" : ruleWord[rule.state]}</Chip></td>
    </tr>
  );
}
