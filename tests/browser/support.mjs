// What all browser tests use: a browser, a way to send, and a server that counts who asks for it.
import { createRequire } from "node:module";
import http from "node:http";
import net from "node:net";

const modules = createRequire(`${process.env.BROWSER_MODULES}/`);
export const { chromium } = modules("playwright-core");
export const axe = modules.resolve("axe-core/axe.min.js");
export const url = process.env.INBOX_URL;
const smtp = Number(process.env.INBOX_SMTP);

// `evil.test` is this machine: a name that somebody else has pointed at it.
export const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  args: ["--host-resolver-rules=MAP evil.test 127.0.0.1", "--disable-dev-shm-usage", "--no-sandbox"],
});

// A page in a context of its own, which ends with the test.
export async function page(test, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, reducedMotion: "reduce", ...options });
  test.after(() => context.close());
  context.setDefaultTimeout(10_000);
  return context.newPage();
}

// Sends a mail over SMTP, one command at a time, and says which number it has.
export async function send(content, { from = "a@example.com", to = ["ann@example.com"] } = {}) {
  const socket = net.connect(smtp, "127.0.0.1");
  let text = "", wake = () => {};
  socket.on("data", data => { text += data; wake() });
  const reply = async () => {
    for (;;) {
      const end = /^\d{3} .*\r\n/m.exec(text);
      if (end) { text = text.slice(end.index + end[0].length); return end[0] }
      await new Promise(done => { wake = done });
    }
  };
  const say = line => { socket.write(`${line}\r\n`); return reply() };
  await reply();
  await say("EHLO browser.test");
  await say(`MAIL FROM:<${from}>`);
  for (const one of to) await say(`RCPT TO:<${one}>`);
  await say("DATA");
  await say(`${content.replace(/\r?\n/g, "\r\n").replace(/^\./gm, "..")}\r\n.`);
  socket.end("QUIT\r\n");
  return latest();
}

export async function latest() {
  const answer = await fetch(`${url}/api/v1/messages?limit=1`);
  const { messages } = await answer.json();
  return messages[0].id;
}

// How many mails there are.
export async function count() {
  return (await (await fetch(`${url}/api/v1/messages?limit=1`)).json()).total;
}

export function mail(subject, html, more = "") {
  return `Subject: ${subject}\nFrom: Eve <eve@example.com>\nTo: ann@example.com\nMIME-Version: 1.0\n${more}Content-Type: text/html; charset=utf-8\n\n${html}`;
}

// A server on another port that counts connections and notes requests.
export async function sink(test) {
  const seen = { connections: 0, requests: [] };
  const server = http.createServer((request, response) => {
    seen.requests.push({ path: request.url, method: request.method, headers: request.headers });
    response.setHeader("content-type", request.url.startsWith("/page") ? "text/html" : "image/gif");
    response.end(request.url.startsWith("/page") ? "<title>Another site</title>" : "");
  });
  server.on("connection", () => { seen.connections += 1 });
  await new Promise(done => server.listen(0, "127.0.0.1", done));
  test.after(() => { server.closeAllConnections(); server.close() });
  return { ...seen, seen, port: server.address().port, url: `http://127.0.0.1:${server.address().port}` };
}

// The whole request as it is written, for what no browser would send.
export function raw(text) {
  return new Promise((done, fail) => {
    const { port } = new URL(url);
    const socket = net.connect(Number(port), "127.0.0.1", () => socket.write(text));
    let answer = "";
    socket.on("data", data => { answer += data });
    socket.on("end", () => done(answer));
    socket.on("error", fail);
  });
}

// Until all frames are loaded, and a little more for what comes late: that nothing comes cannot be waited for.
export async function settle(page) {
  await page.waitForLoadState("load");
  await page.waitForTimeout(200);
}

export const pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==";
