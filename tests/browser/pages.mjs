// What the pages do: live rows, keys, tabs, themes, forms; with script and without.
import assert from "node:assert/strict";
import { test } from "node:test";
import { count, mail, page, pixel, send, settle, url } from "./support.mjs";

const row = (shown, id) => shown.locator(`.row[data-id="${id}"]`);
const live = async (shown, path = "") => {
  await shown.goto(`${url}${path}`);
  await shown.locator("#live[data-state=on]").waitFor();
};

test("a new mail comes on top of the list and is told", async test => {
  const first = await send(mail("First", "<p>1</p>"));
  const shown = await page(test);
  await live(shown);
  const id = await send(mail("Second one", "<p>2</p>"));
  await row(shown, id).waitFor();
  assert.equal(await shown.locator(".row").first().getAttribute("data-id"), String(id));
  assert.equal(await row(shown, first).count(), 1);
  await shown.getByText("New mail “Second one” from Eve").waitFor();
  assert.match(await shown.title(), /^\(\d+\) /);
});

test("a burst is told once", async test => {
  const shown = await page(test);
  await live(shown);
  for (let at = 1; at <= 5; at += 1) await send(mail(`Burst ${at}`, ""));
  await shown.getByText(/(new mails, the last is|New mail) “Burst 5”/).waitFor();
});

test("the list shows what a search finds, live too", async test => {
  const shown = await page(test);
  await live(shown, "/?q=subject:wanted");
  const other = await send(mail("another", ""));
  const id = await send(mail("wanted", ""));
  await row(shown, id).waitFor();
  assert.equal(await row(shown, other).count(), 0);
});

test("a search that cannot be read says why", async test => {
  const shown = await page(test);
  await shown.goto(`${url}/?q=${encodeURIComponent("colour:red")}`);
  await shown.getByText("Cannot search:").waitFor();
});

test("j, k and Enter go through the list, digits through the views", async test => {
  const older = await send(mail("Older", "<p>older</p>"));
  const newer = await send(mail("Newer", "<p>newer</p>"));
  const shown = await page(test);
  await live(shown);
  await shown.keyboard.press("j");
  await shown.keyboard.press("j");
  assert.equal(await shown.evaluate(() => document.activeElement.parentElement.dataset.id), String(older));
  await shown.keyboard.press("k");
  await shown.keyboard.press("Enter");
  await shown.locator("h1", { hasText: "Newer" }).waitFor();
  assert.equal(new URL(shown.url()).pathname, `/m/${newer}`);
  for (const [key, tab] of ["html", "text", "differ", "headers", "tree", "source", "transcript", "checks"].entries()) {
    await shown.keyboard.press(String(key + 1));
    await shown.waitForURL(`**/m/${newer}/${tab}`);
  }
  await shown.goBack();
  await shown.locator("#tab-transcript[aria-selected=true]").waitFor();
});

test("tabs follow the ARIA pattern", async test => {
  const id = await send(mail("Tabs", "<p>x</p>"));
  const shown = await page(test);
  await live(shown, `/m/${id}`);
  await shown.getByRole("tab", { name: "HTML" }).focus();
  await shown.keyboard.press("ArrowRight");
  await shown.waitForURL(`**/m/${id}/text`);
  assert.equal(await shown.evaluate(() => document.activeElement.id), "tab-text");
  await shown.keyboard.press("ArrowLeft");
  await shown.keyboard.press("ArrowLeft");
  await shown.waitForURL(`**/m/${id}/checks`);
  await shown.keyboard.press("Home");
  await shown.waitForURL(`**/m/${id}/html`);
  assert.equal(await shown.locator("[role=tab][tabindex='0']").count(), 1);
  assert.equal(await shown.locator("[role=tabpanel]").getAttribute("aria-labelledby"), "tab-html");
});

test("what is deleted can be called back, and is gone when the page is left", async test => {
  const id = await send(mail("Doomed", "<p>x</p>"));
  const shown = await page(test);
  await live(shown, `/m/${id}`);
  const before = await count();
  await shown.keyboard.press("#");
  await shown.getByText("Mail deleted").waitFor();
  assert.equal(await row(shown, id).isVisible(), false);
  await shown.keyboard.press("u");
  await row(shown, id).waitFor();
  assert.equal(await count(), before);
  await row(shown, id).locator("a").click();
  await shown.locator("h1", { hasText: "Doomed" }).waitFor();
  await shown.getByRole("button", { name: "Delete" }).click();
  await shown.getByText("Mail deleted").waitFor();
  await shown.goto("about:blank");
  while (await count() === before) await new Promise(done => setTimeout(done, 20));
  assert.equal((await fetch(`${url}/m/${id}`)).status, 404);
});

test("all mails of a list are deleted after a question, and can be called back", async test => {
  for (const at of [1, 2]) await send(mail(`clearme ${at}`, ""));
  const before = await count();
  const shown = await page(test);
  await live(shown, "/?q=subject:clearme");
  await shown.getByRole("link", { name: "Clear…" }).click();
  await shown.getByRole("heading", { name: "Delete 2 mails?" }).waitFor();
  await shown.getByRole("button", { name: "Delete 2 mails" }).click();
  await shown.getByText("Mails deleted").waitFor();
  assert.equal(await shown.locator(".row:visible").count(), 0);
  assert.equal(await count(), before);
  await shown.getByRole("button", { name: /Undo/ }).click();
  await shown.locator(".row").first().waitFor();
  assert.equal(await count(), before);
});

test("r marks as read and as unread", async test => {
  const id = await send(mail("Marked", "<p>x</p>"));
  const shown = await page(test);
  await live(shown);
  await shown.keyboard.press("j");
  await shown.keyboard.press("r");
  await shown.locator(`.row[data-id="${id}"]:not(.unread)`).waitFor();
  await shown.keyboard.press("r");
  await shown.locator(`.row[data-id="${id}"].unread`).waitFor();
});

test("keys are letters while one types, and can be switched off", async test => {
  const shown = await page(test);
  await live(shown);
  await shown.keyboard.press("/");
  await shown.keyboard.type("jk#?");
  assert.equal(await shown.locator("input[name=q]").inputValue(), "jk#?");
  await shown.keyboard.press("Escape");
  await shown.keyboard.press("?");
  await shown.getByLabel("Keys are on").uncheck();
  await shown.getByRole("button", { name: "Close" }).click();
  await shown.keyboard.press("?");
  assert.equal(await shown.locator("dialog").isVisible(), false);
  await shown.reload();
  await shown.keyboard.press("?");
  assert.equal(await shown.locator("dialog").isVisible(), false);
});

test("the theme is chosen, and kept", async test => {
  const shown = await page(test, { colorScheme: "light" });
  const background = () => shown.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  await live(shown);
  const light = await background();
  await shown.getByLabel("Theme").selectOption("dark");
  const dark = await background();
  assert.notEqual(light, dark);
  await shown.reload();
  assert.equal(await background(), dark);
  await shown.getByLabel("Theme").selectOption("");
  assert.equal(await background(), light);
});

const styled = `<!doctype html><html><head><meta name="color-scheme" content="light dark"><style>
p{color:rgb(1,1,1)} @media (prefers-color-scheme: dark){p{color:rgb(2,2,2)}} @media ( Prefers-Color-Scheme:light ){b{color:rgb(3,3,3)}} @media (max-width:400px){p{font-size:40px}}</style></head>
<body><p>(prefers-color-scheme: dark)</p><b>x</b></body></html>`;

test("a mail is shown in its light colours, in its dark ones, and inverted", async test => {
  const id = await send(mail("Colours", styled));
  const shown = await page(test, { colorScheme: "dark" });
  const look = async query => {
    await shown.goto(`${url}/m/${id}/html${query}`);
    const frame = shown.frames().find(frame => frame.url().includes("/frame"));
    await frame.locator("p").waitFor();
    return frame.evaluate(() => {
      const of = (what, name) => getComputedStyle(document.querySelector(what))[name];
      return { p: of("p", "color"), b: of("b", "color"), scheme: of("html", "colorScheme"), filter: of("html", "filter"), text: document.querySelector("p").textContent, size: of("p", "fontSize"), quirks: document.compatMode };
    });
  };
  const sent = await look("");
  assert.deepEqual(sent, { p: "rgb(1, 1, 1)", b: "rgb(3, 3, 3)", scheme: "light", filter: "none", text: "(prefers-color-scheme: dark)", size: "16px", quirks: "CSS1Compat" });
  const dark = await look("?scheme=author-dark");
  assert.deepEqual([dark.p, dark.b === "rgb(3, 3, 3)", dark.scheme], ["rgb(2, 2, 2)", false, "dark"]);
  assert.match((await look("?scheme=inverted")).filter, /invert/);
  assert.equal((await look("?width=375")).size, "40px");
});

test("pictures of the mail itself are shown", async test => {
  const id = await send(`Subject: cid\nMIME-Version: 1.0\nContent-Type: multipart/related; boundary=b\n\n--b\nContent-Type: text/html\n\n<img src="cid:a%40b&amp;c"><p style="background:url( 'cid:a@b&amp;c' )">cid:a@b</p><img src="cid:none">\n--b\nContent-Type: image/png\nContent-ID: <a@b&c>\nContent-Transfer-Encoding: base64\n\n${pixel}\n--b--\n`);
  const shown = await page(test);
  await shown.goto(`${url}/m/${id}/html`);
  await settle(shown);
  const frame = shown.frames().find(frame => frame.url().includes("/frame"));
  assert.deepEqual(await frame.evaluate(() => [...document.images].map(image => image.naturalWidth)), [1, 0]);
  assert.match(await frame.evaluate(() => document.querySelector("p").style.backgroundImage), /data:image\/png/);
  assert.equal(await frame.locator("p").textContent(), "cid:a@b");
});

test("fault rules are put in, refused with a reason, and taken away", async test => {
  const shown = await page(test);
  await shown.goto(`${url}/faults`);
  await shown.getByLabel("Rules as JSON").fill(`{"at":"rcpt","rcpt":"gone@*","reply":"550 5.1.1 no such user"}`);
  await shown.getByRole("button", { name: "Use these rules" }).click();
  await shown.getByRole("cell", { name: /no such user/ }).waitFor();
  const id = await send(mail("Partly", "<p>x</p>"), { to: ["ann@example.com", "gone@example.com"] });
  await shown.goto(`${url}/m/${id}/headers`);
  await shown.getByText("550 5.1.1 no such user").first().waitFor();
  await shown.goto(`${url}/faults`);
  await shown.getByRole("cell", { name: "1", exact: true }).nth(1).waitFor();
  await shown.getByLabel("Rules as JSON").fill(`{"at":"rcpt","colour":1}`);
  await shown.getByRole("button", { name: "Use these rules" }).click();
  await shown.getByText(/Not taken:.*colour/).waitFor();
  await shown.getByRole("button", { name: "Remove all" }).click();
  await shown.getByText("There are no rules").waitFor();
});

test("everything works without script", async test => {
  const id = await send(mail("Plain", "<p>x</p>"));
  const shown = await page(test, { javaScriptEnabled: false });
  await shown.goto(`${url}/?q=subject:plain`);
  await row(shown, id).locator("a").click();
  await shown.getByRole("heading", { level: 1, name: "Plain" }).waitFor();
  for (const tab of ["Text", "Differ", "Headers", "Tree", "Source", "Transcript", "Checks", "HTML"]) await shown.getByLabel("Views of the mail").getByRole("link", { name: tab }).click();
  await shown.getByRole("link", { name: "375" }).click();
  await shown.locator(".stage.w375 iframe").waitFor();
  await shown.getByRole("button", { name: "Mark unread" }).click();
  await shown.locator(`.row[data-id="${id}"].unread`).waitFor();
  await row(shown, id).locator("a").click();
  await shown.getByRole("button", { name: "Delete" }).click();
  await shown.waitForURL("**/?q=subject*");
  assert.equal(await row(shown, id).count(), 0);
  await shown.goto(`${url}/clear?q=subject:clearme`);
  await shown.getByRole("button", { name: /Delete/ }).click();
  await shown.waitForURL("**/?q=subject*");
  assert.equal(await shown.locator(".row").count(), 0);
});

test("no page is wider than a phone of 320 pixels, and none weighs more than 60 kB", async test => {
  const id = await send(mail(`${"Long".repeat(60)}`, `<p>${"x".repeat(400)}</p>`, `X-Long: ${"y".repeat(400)}\n`), { to: [`${"z".repeat(60)}@example.com`] });
  const shown = await page(test, { viewport: { width: 320, height: 640 } });
  let weight = 0;
  shown.on("response", async answer => { if (!answer.url().includes("/events")) weight += (await answer.body().catch(() => "")).length });
  const paths = ["", "faults", "about", "clear", "nothing", ...["html", "text", "differ", "headers", "tree", "source", "transcript", "checks"].map(tab => `m/${id}/${tab}`)];
  for (const path of paths) {
    weight = 0;
    await shown.goto(`${url}/${path}`);
    await shown.waitForLoadState("load");
    assert.equal(await shown.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true, path);
    if (!path.endsWith("/html")) assert.ok(weight < 60_000, `${path}: ${weight}`);
  }
});
