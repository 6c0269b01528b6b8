// Measures what `npm run build` made, compressed with gzip -9, against the budgets of the UI.
import { readFileSync, readdirSync } from "node:fs";
import { gzipSync } from "node:zlib";

const dist = new URL("../dist/", import.meta.url);
const size = (file) => gzipSync(readFileSync(new URL(file, dist)), { level: 9 }).length;
const assets = readdirSync(new URL("assets/", dist)).map((name) => `assets/${name}`);
const html = readFileSync(new URL("index.html", dist), "utf8");
const scripts = assets.filter((name) => name.endsWith(".js"));
const entry = scripts.filter((name) => html.includes(name));
const sum = (names) => names.reduce((total, name) => total + size(name), 0);

const budgets = [
  ["entry JavaScript", sum(entry), 130_000],
  ["all JavaScript", sum(scripts), 220_000],
  ["CSS", sum(assets.filter((name) => name.endsWith(".css"))), 12_000],
];
let isOver = false;
for (const [name, bytes, limit] of budgets) {
  isOver ||= bytes > limit;
  console.log(`${bytes > limit ? "✕" : "✓"} ${name}: ${(bytes / 1000).toFixed(1)} kB gz, at most ${limit / 1000} kB`);
}
const fonts = assets.filter((name) => name.endsWith(".woff2"));
console.log(`– fonts: ${(fonts.reduce((t, n) => t + readFileSync(new URL(n, dist)).length, 0) / 1000).toFixed(1)} kB`);
if (isOver) process.exit(1);
