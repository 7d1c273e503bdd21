// What no mail and no other site may do. Each test is a hole that mail catchers have had.
import assert from "node:assert/strict";
import { test } from "node:test";
import { count, mail, page, pixel, raw, send, settle, sink, url } from "./support.mjs";

// Everything that could run a script or fetch something. `ran` would be set on any window it reaches.
const hostile = sink => `<!doctype html><html manifest="${sink}/manifest"><head>
<meta http-equiv="refresh" content="0; url=${sink}/refresh">
<meta http-equiv="content-security-policy" content="script-src * 'unsafe-inline'">
<base href="${sink}/">
<link rel="stylesheet" href="${sink}/style"><link rel="preload" as="image" href="${sink}/preload"><link rel="prefetch" href="${sink}/prefetch">
<link rel="preconnect" href="${sink}"><link rel="dns-prefetch" href="${sink}"><link rel="modulepreload" href="${sink}/module"><link rel="icon" href="${sink}/icon">
<script>top.ran = parent.ran = window.ran = 1; fetch("${sink}/script")</script><script src="${sink}/src"></script>
<script type="speculationrules">{"prefetch":[{"source":"list","urls":["${sink}/speculation"]}]}</script>
<style>@import "${sink}/import"; @font-face{font-family:x;src:url(${sink}/font)} body{background:url(${sink}/background);font-family:x} p{list-style:url('${sink}/list');cursor:url(${sink}/cursor),auto}</style>
</head><body background="${sink}/body" onload="top.ran=1"><p>Text</p>
<img src=x onerror="top.ran=1;window.ran=1"><img src="${sink}/img" srcset="${sink}/srcset 2x"><picture><source srcset="${sink}/source"><img src="${sink}/picture"></picture>
<svg onload="top.ran=1"><script>top.ran=1</script><image href="${sink}/svg"/><use href="${sink}/use#a"/></svg>
<iframe src="${sink}/iframe"></iframe><iframe srcdoc="<script>top.ran=parent.ran=1</script><img src='${sink}/srcdoc'>"></iframe><iframe src="javascript:top.ran=1"></iframe>
<object data="${sink}/object"></object><embed src="${sink}/embed"><video src="${sink}/video" poster="${sink}/poster" autoplay></video><audio src="${sink}/audio" autoplay></audio><track src="${sink}/track">
<form id=f action="${sink}/form" method="post"><input name=a value=b><button id=submit formaction="${sink}/formaction">Send</button><input type=image src="${sink}/input"></form>
<a id=script href="javascript:top.ran=1;window.ran=1">script</a><a id=top target=_top href="${sink}/page-top">top</a><a id=parent target=_parent href="${sink}/page-parent">parent</a><a id=self target=_self href="${sink}/page-self">self</a>
<a id=ping href="${sink}/page-ping" ping="${sink}/ping">plain</a><table background="${sink}/table"><tr><td style="background-image:url(${sink}/td)">x</td></tr></table>
<math><mtext><img src=x onerror="top.ran=1"></mtext></math><details open ontoggle="top.ran=1">x</details><input autofocus onfocus="top.ran=1"><marquee onstart="top.ran=1">x</marquee>
</body></html>`;

const ran = async page => {
  // A frame that was kept from loading never answers.
  const late = new Promise(done => setTimeout(done, 1000));
  const results = await Promise.all(page.frames().map(frame => Promise.race([frame.evaluate(() => window.ran).catch(() => undefined), late])));
  return results.some(Boolean);
};

test("a mail runs no script and sends no request, in all views", async test => {
  const there = await sink(test);
  const id = await send(mail("hostile", hostile(there.url)));
  const shown = await page(test);
  const tabs = ["html", "html?width=375&scheme=author-dark", "html?scheme=inverted", "text", "differ", "headers", "tree", "source", "source?of=html", "transcript", "checks"];
  for (const tab of tabs) {
    await shown.goto(`${url}/m/${id}/${tab}`);
    await settle(shown);
    assert.equal(await ran(shown), false, tab);
  }
  assert.equal(there.seen.connections, 0, JSON.stringify(there.seen.requests.map(one => one.path)));
  assert.equal(new URL(shown.url()).origin, url);
});

test("what is clicked in a mail changes nothing here", async test => {
  const there = await sink(test);
  const id = await send(mail("hostile", hostile(there.url)));
  const shown = await page(test);
  for (const click of ["#script", "#submit", "#top", "#parent", "#self"]) {
    await shown.goto(`${url}/m/${id}/html`);
    const frame = shown.frames().find(frame => frame.url().includes("/frame"));
    await frame.locator(click).click({ noWaitAfter: true });
    await settle(shown);
    assert.equal(await ran(shown), false, click);
    assert.equal(new URL(shown.url()).pathname, `/m/${id}/html`, click);
  }
  const paths = there.seen.requests.map(one => one.path);
  // Links open in a tab of their own, whatever their target says; forms go nowhere.
  assert.deepEqual(paths.filter(path => !path.startsWith("/page")), []);
});

test("a link opens in a tab of its own, without referrer and opener", async test => {
  const there = await sink(test);
  const id = await send(mail("link", `<a href="${there.url}/page">out</a>`));
  const shown = await page(test);
  await shown.goto(`${url}/m/${id}/html`);
  const opened = shown.context().waitForEvent("page");
  await shown.frameLocator("iframe").locator("a").click();
  const other = await opened;
  await other.waitForLoadState();
  assert.equal(await other.evaluate(() => window.opener), null);
  assert.equal(await other.evaluate(() => document.referrer), "");
  assert.equal(there.seen.requests[0].headers.referer, undefined);
});

test("the frame has no origin, and the page cannot be reached from it", async test => {
  const id = await send(mail("frame", "<p>Hello</p>"));
  const shown = await page(test);
  await shown.goto(`${url}/m/${id}/html`);
  assert.equal(await shown.evaluate(() => document.querySelector("iframe").contentDocument), null);
  const frame = shown.frames().find(frame => frame.url().includes("/frame"));
  assert.equal(await frame.evaluate(() => self.origin), "null");
  assert.equal(await frame.evaluate(() => { try { return String(top.document) } catch (error) { return error.name } }), "SecurityError");
});

test("a mail's document is harmless when it is opened by itself", async test => {
  const there = await sink(test);
  const id = await send(mail("direct", hostile(there.url)));
  const shown = await page(test);
  const answer = await shown.goto(`${url}/m/${id}/frame?scheme=author-light&remote=0`).catch(error => error);
  await settle(shown);
  if (answer instanceof Error) assert.match(answer.message, /ERR_BLOCKED_BY_RESPONSE/);
  else assert.equal(await shown.evaluate(() => self.origin), "null");
  assert.equal(await ran(shown), false);
  assert.equal(there.seen.connections, 0);
  const { headers } = await fetch(`${url}/m/${id}/frame`);
  const policy = headers.get("content-security-policy");
  assert.match(policy, /^sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; img-src data:;/);
  assert.doesNotMatch(policy, /script-src|nonce|allow-same-origin|allow-scripts/);
});

test("remote images come only when asked for, from the browser, and nothing else does", async test => {
  const there = await sink(test);
  const id = await send(mail("remote", hostile(there.url)));
  const shown = await page(test);
  await shown.goto(`${url}/m/${id}/html`);
  await settle(shown);
  assert.equal(there.seen.requests.length, 0);
  await shown.getByRole("link", { name: /Show the images/ }).click();
  await shown.getByText("Remote images are shown.").waitFor();
  while (!there.seen.requests.some(one => one.path === "/td")) await shown.waitForTimeout(20);
  await settle(shown);
  const paths = there.seen.requests.map(one => one.path);
  const images = new Set(["/img", "/srcset", "/source", "/picture", "/body", "/background", "/list", "/cursor", "/svg", "/table", "/td", "/input", "/poster"]);
  assert.deepEqual(paths.filter(path => !images.has(path)), []);
  for (const one of there.seen.requests) assert.equal(one.headers.referer, undefined);
  assert.equal(await ran(shown), false);
});

test("subject, names, addresses and file names are text, also in rows that come live", async test => {
  const shown = await page(test);
  await shown.goto(url);
  await shown.locator("#live[data-state=on]").waitFor();
  const bad = "<img src=x onerror=top.ran=1>";
  const id = await send(`Subject: ${bad}\nFrom: "${bad}" <a@example.com>\nTo: ann@example.com\nX-Bad: ${bad}\nMIME-Version: 1.0\nContent-Type: text/plain; name="${bad}"\nContent-Disposition: attachment; filename="${bad}"\n\n${bad}`);
  await shown.locator(`.row[data-id="${id}"]`).waitFor();
  assert.ok((await shown.locator(`.row[data-id="${id}"]`).textContent()).includes(bad));
  for (const tab of ["text", "headers", "tree", "source", "transcript", "checks"]) {
    await shown.goto(`${url}/m/${id}/${tab}`);
    assert.equal(await shown.locator("img[src=x]").count(), 0);
  }
  await shown.goto(`${url}/?q=${encodeURIComponent(`"${bad}`)}`);
  assert.equal(await shown.locator("img[src=x]").count(), 0);
  assert.equal(await ran(shown), false);
});

test("the page's script cannot turn text into HTML, and no other script runs in it", async test => {
  const shown = await page(test);
  await shown.goto(url);
  assert.equal(await shown.evaluate(() => { try { document.body.innerHTML = "<p>"; return "set" } catch (error) { return error.name } }), "TypeError");
  const inline = await shown.evaluate(() => { const script = document.createElement("script"); try { script.textContent = "window.ran = 1"; document.body.append(script) } catch { /* Trusted Types. */ } return window.ran });
  assert.equal(inline, undefined);
});

test("parts are saved, not shown, but for pictures", async test => {
  const kinds = { "text/html": false, "image/svg+xml": false, "application/xhtml+xml": false, "text/xml": false, "application/pdf": false, "image/png": true };
  for (const [kind, isShown] of Object.entries(kinds)) {
    const id = await send(`Subject: part\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\nx\n--b\nContent-Type: ${kind}\nContent-Transfer-Encoding: base64\nContent-ID: <../../../../tmp/x>\nContent-Disposition: inline; filename="../../a\\"b;\\r.html"\n\n${pixel}\n--b--\n`);
    const { headers } = await fetch(`${url}/m/${id}/part/1.2`);
    assert.equal(headers.get("content-type"), isShown ? kind : "application/octet-stream");
    assert.match(headers.get("content-disposition"), isShown ? /^inline; filename\*=UTF-8''[\w%]+$/ : /^attachment; filename\*=UTF-8''[\w%]+$/);
    assert.match(headers.get("content-security-policy"), /sandbox/);
    assert.equal(headers.get("x-content-type-options"), "nosniff");
  }
  const answer = await fetch(`${url}/m/1/part/${encodeURIComponent("../../../etc/passwd")}`);
  assert.equal(answer.status, 404);
});

test("the exact octets are saved under a name of ours", async () => {
  const id = await send("Subject: raw\n\n<script>");
  const answer = await fetch(`${url}/m/${id}/raw.eml`);
  assert.equal(answer.headers.get("content-type"), "message/rfc822");
  assert.equal(answer.headers.get("content-disposition"), `attachment; filename="${id}.eml"`);
  assert.equal(await answer.text(), "Subject: raw\r\n\r\n<script>\r\n");
});

test("another site reads nothing and changes nothing", async test => {
  const id = await send(mail("kept", "<p>secret</p>"));
  const before = await count();
  const there = await sink(test);
  const shown = await page(test);
  await shown.goto(`${there.url.replace("127.0.0.1", "evil.test")}/page`);
  const tried = await shown.evaluate(async ([url, id]) => {
    const attempt = promise => promise.then(answer => answer.type === "opaque" ? "opaque" : "read", error => error.name);
    const event = (target, good) => new Promise(done => { target.addEventListener(good, () => done(good)); target.addEventListener("error", () => done("error")) });
    const picture = new Image();
    const seen = event(picture, "load");
    picture.src = `${url}/m/${id}/part/1`;
    const frame = document.createElement("iframe");
    frame.src = `${url}/m/${id}`;
    document.body.append(frame);
    const form = document.createElement("form");
    Object.assign(form, { action: `${url}/m/${id}/delete`, method: "post", target: "_blank" });
    document.body.append(form);
    return {
      read: await attempt(fetch(`${url}/api/v1/messages`)),
      page: await attempt(fetch(url)),
      remove: await attempt(fetch(`${url}/api/v1/messages`, { method: "DELETE" })),
      post: await attempt(fetch(`${url}/m/${id}/delete`, { method: "POST", mode: "no-cors", body: "" })),
      faults: await attempt(fetch(`${url}/faults`, { method: "POST", mode: "no-cors", body: new URLSearchParams({ rules: "[]" }) })),
      listen: await event(new EventSource(`${url}/api/v1/events`), "open"),
      socket: await event(new WebSocket(`${url.replace("http", "ws")}/api/v1/events`), "open"),
      picture: await seen,
      form: form.submit() ?? "sent",
    };
  }, [url, id]);
  assert.deepEqual(tried, { read: "TypeError", page: "TypeError", remove: "TypeError", post: tried.post, faults: tried.faults, listen: "error", socket: "error", picture: "error", form: "sent" });
  await settle(shown);
  assert.equal(await count(), before);
  assert.equal((await fetch(`${url}/m/${id}`)).status, 200);
  const frames = shown.frames().map(frame => frame.url());
  assert.ok(!(await Promise.all(shown.frames().slice(1).map(frame => frame.content().catch(() => "")))).some(text => text.includes("secret")), String(frames));
});

test("a name that somebody pointed at this machine is not answered", async test => {
  const shown = await page(test);
  const answer = await shown.goto(url.replace("127.0.0.1", "evil.test"));
  assert.equal(answer.status(), 421);
  assert.ok(!(await shown.content()).includes("Posthaste inbox"));
});

test("nothing says that other sites may read", async () => {
  for (const path of ["/", "/m/1", "/m/1/frame", "/m/1/raw.eml", "/api/v1/messages", "/api/v1/openapi.json", "/faults", "/nothing"]) {
    const { port } = new URL(url);
    for (const origin of ["http://evil.test", "null", `http://localhost:${port}`]) {
      const answer = await raw(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nOrigin: ${origin}\r\nConnection: close\r\n\r\n`);
      assert.doesNotMatch(answer, /access-control/i);
      assert.match(answer, /^HTTP\/1.1 403/, `${path} ${origin}`);
    }
    const answer = await raw(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\n\r\n`);
    for (const header of ["cross-origin-resource-policy: same-origin", "x-content-type-options: nosniff", "referrer-policy: no-referrer", "cache-control: no-store"]) assert.ok(answer.includes(header), `${path} ${header}`);
  }
});

test("old browsers' forms, methods of other tools and large bodies change nothing", async () => {
  const before = await count();
  const { port } = new URL(url);
  const ask = (start, headers, body = "") => raw(`${start} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${headers}Content-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`);
  const form = "Content-Type: application/x-www-form-urlencoded\r\n";
  assert.match(await ask("POST /clear", form, "upto=99999"), /^HTTP\/1.1 403/);
  assert.match(await ask("POST /faults", form, "rules=[]"), /^HTTP\/1.1 403/);
  assert.match(await ask("DELETE /", ""), /^HTTP\/1.1 40[35]/);
  assert.match(await ask("POST /faults", `${form}X-Posthaste: 1\r\n`, `rules=${" ".repeat(65536)}`), /^HTTP\/1.1 413/);
  assert.equal(await count(), before);
});
