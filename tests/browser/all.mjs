// All browser tests, in one browser. `tests/tests/inbox_browser.rs` starts the inbox and then this.
import { after } from "node:test";
import { browser } from "./support.mjs";

after(() => browser.close());
await import("./security.mjs");
await import("./pages.mjs");
await import("./access.mjs");
