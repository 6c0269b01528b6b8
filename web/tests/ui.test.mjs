// Every page in a real browser, on the data of the server at KILTER_UI_URL: no error in the console, no request to another host, no
// finding of axe in either theme, nothing wider than the screen; and the paths of the keyboard.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { chromium } from "playwright-core";

const base = process.env.KILTER_UI_URL ?? "http://127.0.0.1:8484";
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const api = async (path) => (await fetch(`${base}/api/v1/${path}`)).json();
let browser;
let paths = [];

before(async () => {
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
  const [models, status, runs] = await Promise.all([api("models"), api("status"), api("runs?limit=2")]);
  const model = models.items[0];
  // One with something on its way has more to show.
  const endpoint = status.endpoints.find((found) => found.candidate) ?? status.endpoints[0];
  const version = model && `/models/${model.name}/${model.versions[0].number}`;
  paths = ["/", "/?asof=1998-02-01T00:00Z", "/inbox", "/objectives", "/runs", "/workflows", "/data", "/models", "/deployments", "/monitors", "/audit", "/audit/1", "/policies", "/settings", "/sign-in", "/no/such/page"];
  if (model) paths.push(`/models/${model.name}`, version, `${version}?tab=card`, `${version}?tab=files`, `${version}?tab=try`, `${version}?tab=history`);
  if (model?.versions.length > 1) paths.push(`/models/${model.name}/diff?a=${model.versions[1].number}&b=${model.versions[0].number}`);
  if (endpoint) paths.push(`/deployments/${endpoint.name}`, `/monitors/${endpoint.name}`, `/monitors/${endpoint.name}/drift`, `/monitors/${endpoint.name}/data`);
  if (runs.items.length > 1) paths.push(`/runs/${runs.items[0].id}`, `/runs/compare?ids=${runs.items.map((run) => run.id).join(",")}`);
});
after(() => browser?.close());

/** Waits until the page has asked for nothing during a third of a second; the stream of changes never ends. */
async function settled(page) {
  let quiet = 0;
  for (let last = -1; quiet < 3; await page.waitForTimeout(110)) {
    const asked = await page.evaluate(() => performance.getEntriesByType("resource").length);
    quiet = asked === last ? quiet + 1 : 0;
    last = asked;
  }
}

/** Does `work` for every path, four at a time. */
async function forEach(all, work) {
  const left = [...all];
  const worker = async () => {
    for (let path = left.shift(); path !== undefined; path = left.shift()) await work(path);
  };
  await Promise.all([1, 2, 3, 4].map(worker));
}

/** A page, and what went wrong on it. */
async function open(path, { theme = "light", width = 1280 } = {}) {
  const context = await browser.newContext({ viewport: { width, height: 860 }, colorScheme: theme, reducedMotion: "reduce", permissions: ["clipboard-read", "clipboard-write"] });
  const page = await context.newPage();
  const faults = [];
  page.on("console", (message) => message.type() === "error" && faults.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => faults.push(`error: ${error.message}`));
  page.on("request", (request) => !request.url().startsWith(base) && !request.url().startsWith("data:") && !request.url().startsWith("blob:") && faults.push(`request: ${request.url()}`));
  await page.goto(base + path, { waitUntil: "load" });
  await page.waitForSelector("h1, .empty, .panel");
  await settled(page);
  return { page, faults, close: () => context.close() };
}

describe("every page", () => {
  for (const theme of ["light", "dark"]) {
    test(`is without fault in the ${theme} theme`, async () => {
      const found = [];
      await forEach(paths, async (path) => {
        const { page, faults, close } = await open(path, { theme });
        found.push(...faults.map((fault) => `${path}: ${fault}`));
        await page.evaluate(axe);
        const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
        found.push(...violations.map((v) => `${path}: ${v.id}: ${v.nodes.slice(0, 2).map((n) => `${n.target} ${n.html.slice(0, 120)}`).join(" | ")}`));
        await close();
      });
      assert.deepEqual(found, []);
    });
  }
  test("keeps within its panels", async () => {
    const over = [];
    await forEach(paths, async (path) => {
      const { page, close } = await open(path);
      const found = await page.evaluate(() => [...document.querySelectorAll(".panel")].filter((panel) => panel.scrollWidth > panel.clientWidth + 1).map((panel) => `${panel.querySelector("h2")?.textContent}: ${panel.scrollWidth - panel.clientWidth} px too wide`));
      over.push(...found.map((what) => `${path}: ${what}`));
      await close();
    });
    assert.deepEqual(over, []);
  });
  test("fits on 320 px", async () => {
    const wide = [];
    await forEach(paths, async (path) => {
      const { page, close } = await open(path, { width: 320 });
      const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      if (over > 0) wide.push(`${path}: ${over} px too wide`);
      await close();
    });
    assert.deepEqual(wide, []);
  });
});

/** Goes to the button that sends the sheet, and presses it. */
async function submit(page) {
  for (let pressed = 0; pressed < 8; pressed++) {
    await page.keyboard.press("Tab");
    if (await page.evaluate(() => document.activeElement?.getAttribute("type") === "submit")) return page.keyboard.press("Enter");
  }
  assert.fail("no button that sends the sheet is reached by Tab");
}

describe("by keyboard alone", () => {
  test("one goes to any page, and back to where one was", async () => {
    const { page, close } = await open("/");
    await page.keyboard.press("g");
    await page.keyboard.press("a");
    await page.waitForURL("**/audit");
    await page.keyboard.press("Control+k");
    await page.waitForSelector("dialog[open] input");
    await page.keyboard.type("deployments");
    await page.keyboard.press("Enter");
    await page.waitForURL("**/deployments");
    assert.equal(await page.evaluate(() => document.activeElement?.id), "main");
    await page.keyboard.press("?");
    await page.waitForSelector("dialog[open]");
    await page.keyboard.press("Escape");
    await page.goBack();
    await page.waitForURL("**/audit");
    await close();
  });
  test("the theme changes, and stays", async () => {
    const { page, close } = await open("/");
    await page.keyboard.press("t");
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "dark");
    await page.reload();
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "dark");
    await close();
  });
  test("two runs are compared", async () => {
    const { page, close } = await open("/runs");
    for (const key of ["j", "x", "j", "x", "c"]) await page.keyboard.press(key);
    await page.waitForURL("**/runs/compare?ids=*");
    await close();
  });
  test("a roll back is reached with R, says where it goes back to, and Esc leaves it", async () => {
    const endpoint = (await api("status")).endpoints[0];
    const { page, close } = await open(`/deployments/${endpoint.name}`);
    await page.keyboard.press("Shift+R");
    await page.waitForSelector("dialog[open] button[type=submit]");
    assert.match(await page.textContent("dialog[open]"), /Roll back to v\d+/);
    await page.keyboard.press("Escape");
    await page.waitForSelector("dialog[open]", { state: "detached" });
    await close();
  });
  test("a version is approved: the sheet lists what is open, asks for a reason, and waits for the server", async () => {
    const model = (await api("models")).items[0];
    const { number } = model.versions[0];
    const { page, close } = await open("/");
    // Whoever has not said a name decides nothing.
    await page.evaluate(() => localStorage.setItem("kilter.actor", "user:vera"));
    // The state of the version is set here, so that the test changes nothing on the server.
    await page.route(`**/api/v1/models/${model.name}/versions/${number}`, async (route) => {
      const version = await (await route.fetch()).json();
      const gates = [{ gate: "quality", at: version.created, verdict: "passed", reason: ["auc = 0.7 [0.6, 0.8], required >= 0.65"] }];
      await route.fulfill({ json: { ...version, state: "validated", gates, standing: { makers: ["user:someone"], missing: ["a yes of a validator"] } } });
    });
    let sent = null;
    await page.route("**/approve", (route) => {
      sent = route.request().postDataJSON();
      return route.fulfill({ json: { version: {}, missing: [], deployed: [] } });
    });
    await page.goto(`${base}/models/${model.name}/${number}`, { waitUntil: "load" });
    await page.waitForSelector("button.main[aria-disabled=false]");
    await page.keyboard.press("a");
    await page.waitForSelector("dialog[open]");
    assert.match(await page.textContent("dialog[open]"), /auc = 0\.7 \[0\.6, 0\.8\], required ≥ 0\.65/);
    assert.equal(await page.isDisabled("dialog[open] button[type=submit]"), true);
    await page.keyboard.type("checked the slice of new customers");
    await submit(page);
    await page.waitForSelector(".toast");
    assert.equal(sent.reason, "checked the slice of new customers");
    await close();
  });
  test("whoever has no name is led to the sign-in and back, and then approves the version that waits", async () => {
    const waiting = (await api("status")).endpoints.find((endpoint) => endpoint.waits?.command.includes("approve"));
    assert.ok(waiting, "the demo has a version that waits for approval");
    const [, model, number] = /approve (\S+)@(\d+)/.exec(waiting.waits.command);
    const [, name] = /user:([\w.-]+)/.exec(waiting.waits.who.join());
    const { page, faults, close } = await open(`/models/${model}/${number}`);
    await page.keyboard.press("a");
    await page.waitForURL("**/sign-in?return=*");
    await page.waitForSelector("input[autocomplete=username]");
    await page.keyboard.type(name);
    await page.keyboard.press("Enter");
    await page.waitForURL(`**/models/${model}/${number}`);
    await page.waitForSelector("button.main[aria-disabled=false]");
    await page.keyboard.press("a");
    await page.waitForSelector("dialog[open] textarea");
    await page.keyboard.type("read the gates");
    await submit(page);
    await page.waitForSelector(".toast");
    const version = await api(`models/${model}/versions/${number}`);
    assert.equal(version.state, "approved");
    assert.equal(version.standing.sign_offs[0].by, `user:${name}`);
    assert.deepEqual(faults, []);
    await close();
  });
  test("a version that cannot be approved says why", async () => {
    const model = (await api("models")).items[0];
    const { page, close } = await open(`/models/${model.name}/${model.versions[0].number}`);
    const label = await page.getAttribute("button.main", "aria-label");
    assert.match(label ?? "", /^Approve/);
    await close();
  });
});

describe("the audit log", () => {
  const verify = async (page) => {
    await page.click("text=Verify in this browser");
    await page.waitForSelector("text=Checked here, not by the server", { timeout: 60_000 });
    return page.textContent("main");
  };
  test("is verified in the browser", async () => {
    const { page, close } = await open("/audit");
    assert.match(await verify(page), /Unbroken: \d+ entries/);
    await close();
  });
  test("that a server changed is caught, at the entry", async () => {
    const { page, close } = await open("/audit");
    await page.route("**/api/v1/audit/42", async (route) => {
      const response = await route.fetch();
      const record = await response.json();
      await route.fulfill({ json: { ...record, body: record.body.replace("system:", "user:mallory-") } });
    });
    const text = await verify(page);
    assert.match(text, /Broken: 2 faults/);
    assert.match(text, /Entry 42: the text of the entry was changed/);
    await close();
  });
});
