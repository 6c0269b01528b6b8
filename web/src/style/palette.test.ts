//! Contrast and colour-blind safety of the tokens, read from `tokens.css` itself.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

type Rgb = [number, number, number];
const css = readFileSync(new URL("./tokens.css", import.meta.url), "utf8");
const block = (selector: string): Map<string, Rgb> => {
  const text = css.slice(css.indexOf(`${selector} {`)).split("}")[0] ?? "";
  return new Map([...text.matchAll(/--([\w-]+): #([0-9a-f]{6})/g)].map(([, name = "", hex = ""]) => [name, [0, 2, 4].map((i) => parseInt(hex.slice(i, i + 2), 16) / 255) as Rgb]));
};
const themes = { light: block(":root"), dark: block(':root[data-theme="dark"]') };

const linear = (c: number): number => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
const gamma = (c: number): number => (c <= 0.0031308 ? 12.92 * c : 1.055 * c ** (1 / 2.4) - 0.055);
const luminance = (c: Rgb): number => 0.2126 * linear(c[0]) + 0.7152 * linear(c[1]) + 0.0722 * linear(c[2]);
const contrast = (a: Rgb, b: Rgb): number => {
  const [x, y] = [luminance(a), luminance(b)];
  return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
};

/** Machado, Oliveira, Fernandes 2009, severity 1.0, in linear RGB. */
const sight: Record<string, number[]> = {
  normal: [1, 0, 0, 0, 1, 0, 0, 0, 1],
  protan: [0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998],
  deutan: [0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.01182, 0.04294, 0.968881],
  tritan: [1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.3039],
};
const seen = (c: Rgb, m: number[]): Rgb => {
  const l = c.map(linear);
  return [0, 3, 6].map((row) => gamma(Math.min(1, Math.max(0, (m[row] ?? 0) * (l[0] ?? 0) + (m[row + 1] ?? 0) * (l[1] ?? 0) + (m[row + 2] ?? 0) * (l[2] ?? 0))))) as Rgb;
};
const lab = (c: Rgb): Rgb => {
  const [r, g, b] = c.map(linear) as Rgb;
  const f = (t: number): number => (t > 216 / 24389 ? Math.cbrt(t) : (841 / 108) * t + 4 / 29);
  const x = f((0.4124564 * r + 0.3575761 * g + 0.1804375 * b) / 0.95047);
  const y = f(0.2126729 * r + 0.7151522 * g + 0.072175 * b);
  const z = f((0.0193339 * r + 0.119192 * g + 0.9503041 * b) / 1.08883);
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
};
const distance = (a: Rgb, b: Rgb): number => Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);

const states = ["ok", "warn", "bad", "wait", "none"];
const series = ["s1", "s2", "s3", "s4", "s5", "s6"];

describe.each(Object.entries(themes))("the %s theme", (_, tokens) => {
  const of = (name: string): Rgb => {
    const found = tokens.get(name);
    if (!found) throw new Error(`no token --${name}`);
    return found;
  };
  const smallest = (names: string[], kind: string): number =>
    Math.min(...names.flatMap((a, i) => names.slice(i + 1).map((b) => distance(lab(seen(of(a), sight[kind] ?? [])), lab(seen(of(b), sight[kind] ?? []))))));

  it("has text of at least 4.5 : 1 on what it lies on", () => {
    const pairs = [["ink", "bg"], ["ink", "panel"], ["ink", "soft"], ["mute", "bg"], ["mute", "panel"], ["mute", "soft"], ["accent", "bg"], ["accent", "panel"], ["accent", "soft"], ...states.flatMap((s) => [[s, "panel"], [s, "bg"], [s, `${s}-tint`]])];
    for (const [text = "", ground = ""] of pairs) expect(contrast(of(text), of(ground)), `${text} on ${ground}`).toBeGreaterThanOrEqual(4.5);
    expect(contrast([1, 1, 1], of("button")), "white on button").toBeGreaterThanOrEqual(4.5);
  });
  it("has graphics of at least 3 : 1 on the panel", () => {
    for (const name of series) expect(contrast(of(name), of("panel")), name).toBeGreaterThanOrEqual(3);
  });
  it.each(Object.keys(sight))("tells states and series apart with %s sight", (kind) => {
    expect(smallest(states, kind)).toBeGreaterThanOrEqual(17);
    expect(smallest(series, kind)).toBeGreaterThanOrEqual(19);
  });
  it("has a heat scale whose lightness falls or rises steadily", () => {
    const light = ["h0", "h1", "h2", "h3", "h4", "h5"].map((name) => lab(of(name))[0]);
    const steps = light.slice(1).map((l, i) => l - (light[i] ?? 0));
    expect(steps.every((s) => s < -4) || steps.every((s) => s > 4), light.join(" ")).toBe(true);
  });
});
