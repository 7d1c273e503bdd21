// What axe-core finds in every page, in both themes: nothing.
import assert from "node:assert/strict";
import { test } from "node:test";
import { axe, mail, page, send, url } from "./support.mjs";

for (const colorScheme of ["light", "dark"]) {
  for (const width of [1280, 375]) {
    test(`axe finds nothing, ${colorScheme}, ${width} pixels`, async test => {
      const id = await send(`Subject: All\nFrom: Eve <eve@example.com>\nTo: ann@example.com\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/alternative; boundary=c\n\n--c\nContent-Type: text/plain\n\nYour code is 482913. See https://example.com/a\n--c\nContent-Type: text/html\n\n<p>Other <a href="http://example.com/b">words</a><img src="http://example.com/x.png">\n--c--\n--b\nContent-Type: application/pdf; name=a.pdf\nContent-Disposition: attachment\n\nx\n--b--\n`, { to: ["ann@example.com", "550-5.1.1@fault.test"] });
      await send("\n\n");
      const none = await send(mail("", "<p>x</p>"));
      // The page's policy would keep axe out. No test of what is allowed is made in such a context.
      const shown = await page(test, { colorScheme, viewport: { width, height: 800 }, bypassCSP: true });
      const views = ["html", "text", "differ", "headers", "tree", "source", "transcript", "checks"].map(tab => `m/${id}/${tab}`);
      const all = ["", "?q=nosuchthing", "?q=colour:red", "about", "faults", "clear", "nothing", `m/${none}/html`, ...views];
      // What is laid out in another way on a phone.
      const paths = width > 1000 ? all : ["", "faults", `m/${id}/html`, `m/${id}/headers`, `m/${id}/transcript`];
      for (const path of paths) {
        await shown.goto(`${url}/${path}`);
        await shown.locator("#live[data-state=on]").waitFor();
        await shown.addScriptTag({ path: axe });
        const { violations } = await shown.evaluate(() => window.axe.run(document, { iframes: false, resultTypes: ["violations"] }));
        assert.deepEqual(violations.map(one => `${path}: ${one.id}: ${one.nodes.map(node => `${node.html} ${node.failureSummary}`).join("; ")}`), []);
      }
      await shown.getByRole("tab", { name: "HTML" }).focus();
      await shown.keyboard.press("?");
      if (await shown.locator("dialog").isVisible()) {
        const { violations } = await shown.evaluate(() => window.axe.run("dialog"));
        assert.deepEqual(violations.map(one => one.id), []);
      }
    });
  }
}
