import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

/** `theme.js` sets the theme before the first paint. It is a file of its own, because the CSP allows no inline script. */
function themeScript(): Plugin {
  const source = readFileSync(new URL("./src/theme.js", import.meta.url), "utf8");
  const digest = createHash("sha256").update(source).digest("hex").slice(0, 8);
  let isBuild = false;
  return {
    name: "kilter-theme-script",
    configResolved: (config) => void (isBuild = config.command === "build"),
    generateBundle() {
      this.emitFile({ type: "asset", fileName: `assets/theme-${digest}.js`, source });
    },
    transformIndexHtml: (html) => html.replace("/src/theme.js", isBuild ? `/assets/theme-${digest}.js` : "/src/theme.js"),
  };
}

const server = process.env["KILTER_URL"] ?? "http://127.0.0.1:8484";
const proxy = Object.fromEntries(["/api", "/v2", "/health", "/ready"].map((path) => [path, server]));

export default defineConfig({
  plugins: [react(), themeScript()],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  server: { proxy },
  preview: { proxy },
  build: { target: "es2022", assetsInlineLimit: 0, modulePreload: { polyfill: false }, chunkSizeWarningLimit: 600 },
  test: { include: ["src/**/*.test.ts"], environment: "node" },
});
