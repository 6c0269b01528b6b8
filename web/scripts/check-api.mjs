// Makes `src/api/schema.ts` of the OpenAPI document; with `--write` it is written, without it is compared.
import { readFile, writeFile } from "node:fs/promises";
import openapiTS, { astToString } from "openapi-typescript";

const source = new URL("../../docs/reference/openapi.json", import.meta.url);
const target = new URL("../src/api/schema.ts", import.meta.url);
const head = "// Made from docs/reference/openapi.json by `npm run generate:api`. Do not edit.\n/* eslint-disable */\n";

const document = JSON.parse(await readFile(source, "utf8"));
const text = head + astToString(await openapiTS(document));
if (process.argv.includes("--write")) {
  await writeFile(target, text);
  console.log(`wrote ${target.pathname}`);
} else if ((await readFile(target, "utf8").catch(() => "")) !== text) {
  console.error("src/api/schema.ts is not what docs/reference/openapi.json says: run `npm run generate:api`");
  process.exit(1);
} else {
  console.log("src/api/schema.ts is up to date");
}
