// Makes the pictures of the inbox in this folder: `node docs/screenshots.mjs`. It needs what `./check` installs for the browser tests.
// Fonts are those of the machine; `fonts-droid-fallback` and `fonts-noto-color-emoji` have what the demo's mails need.
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const docs = dirname(fileURLToPath(import.meta.url)), root = dirname(docs);
const { chromium } = createRequire(join(root, "target/servers/browser/"))("playwright-core");

const program = ["inbox", "--demo", "--json", "--smtp", "127.0.0.1:0", "--web", "127.0.0.1:0"];
const run = process.env.POSTHASTE ? [process.env.POSTHASTE, program] : ["cargo", ["run", "--release", "--quiet", "--", ...program]];
const inbox = spawn(run[0], run[1], { cwd: root, env: { ...process.env, TZ: "UTC" }, stdio: ["ignore", "pipe", "inherit"] });
const [line] = await new Promise(done => createInterface(inbox.stdout).once("line", line => done([line])));
const url = new URL(`http://${JSON.parse(line).web}`);

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
try {
  const { messages } = await wait();
  const best = messages.find(one => /receipt|order/i.test(one.subject)) ?? messages[0];
  for (const colorScheme of ["light", "dark"]) {
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, deviceScaleFactor: 1, colorScheme, reducedMotion: "reduce" });
    for (const [name, path] of Object.entries({ list: "/", message: `/m/${best.id}` })) {
      await page.goto(new URL(path, url).href);
      await page.locator("#live[data-state=on]").waitFor();
      await page.screenshot({ path: join(docs, `inbox-${name}-${colorScheme}.png`) });
    }
    await page.close();
  }
} finally {
  await browser.close();
  inbox.kill("SIGINT");
}

// The mails, once all of the demo have come.
async function wait() {
  for (let last = -1; ;) {
    const list = await (await fetch(new URL("/api/v1/messages?limit=100", url))).json();
    if (list.total === last && last > 0) return list;
    last = list.total;
    await new Promise(done => setTimeout(done, 500));
  }
}
