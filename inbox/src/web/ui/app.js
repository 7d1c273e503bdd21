// Live rows, keys, tabs, themes. The pages work without it: it fetches the same pages, and takes what it shows out of them.

const $ = (what, root = document) => root.querySelector(what);
const $$ = (what, root = document) => [...root.querySelectorAll(what)];
const { base, home } = document.body.dataset;
const wide = matchMedia("(min-width: 60rem)");

// What a browser may forbid to keep.
const kept = {
  get(name) { try { return localStorage.getItem(`posthaste-${name}`) } catch { return null } },
  set(name, value) { try { localStorage.setItem(`posthaste-${name}`, value) } catch { /* It holds for this page. */ } },
};

// Themes

function paint(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
}
paint(kept.get("theme"));
$("#theme").value = kept.get("theme") ?? "";
$("#theme").addEventListener("change", event => { kept.set("theme", event.target.value); paint(event.target.value) });
$(".theme").hidden = false;
$(".hints").hidden = false;

// Pages, without leaving this one

// XMLHttpRequest, because it parses HTML without running anything in it, and without a string that becomes HTML here.
function get(url) {
  return new Promise((done, fail) => {
    const request = new XMLHttpRequest();
    request.responseType = "document";
    request.open("GET", url);
    request.onload = () => request.response?.body && request.status < 500 ? done(request) : fail(new Error(request.statusText));
    request.onerror = () => fail(new Error("no answer"));
    request.send();
  });
}

function post(url, fields, more = {}) {
  return fetch(url, { method: "POST", headers: { "X-Posthaste": "1" }, body: new URLSearchParams(fields), redirect: "manual", ...more });
}

let going = 0;
// Shows the page of a URL. `parts` are the places that change: the first one that both pages have.
async function go(url, { push = true, parts = ["#main"], focus } = {}) {
  const turn = ++going;
  let answer;
  try { answer = await get(url) } catch { location.assign(url); return }
  if (turn !== going) return;
  const next = answer.response;
  const part = parts.find(part => $(part) && $(part, next));
  if (!part || !$("#rows") !== !$("#rows", next)) { location.assign(url); return }
  if (push) history.pushState(null, "", url);
  $(part).replaceWith(document.adoptNode($(part, next)));
  document.body.dataset.view = next.body.dataset.view;
  if (part === "#main") merge(next); else mirror(next);
  title(next);
  dress();
  if (focus) $(focus)?.focus({ preventScroll: wide.matches });
}

function title(next) { document.title = next.title }

// The tabs of a page whose panel has been taken.
function mirror(next) {
  const tabs = $(".tabs"), others = $(".tabs", next);
  if (tabs && others) tabs.replaceWith(document.adoptNode(others));
}

addEventListener("popstate", () => go(location.href, { push: false }));

// The list

// Takes over the rows of a newer page of the same list: those that are the same stay, with what has the focus.
function merge(next, mark = false) {
  const rows = $("#rows"), others = $("#rows", next);
  if (!rows || !others) return [];
  const old = new Map($$(".row", rows).map(row => [row.dataset.id, row]));
  const had = rows.contains(document.activeElement) && document.activeElement.closest(".row").dataset.id;
  const fresh = [];
  const list = $$(".row", others).filter(row => !isLeaving(row.dataset.id)).map(row => {
    const same = old.get(row.dataset.id);
    if (!same) fresh.push(row);
    return same?.isEqualNode(row) ? same : document.adoptNode(row);
  });
  if (mark) for (const row of fresh) row.classList.add("fresh");
  const scroller = wide.matches ? $(".list") : null, top = scroller?.scrollTop, height = rows.scrollHeight;
  if (list.some((row, at) => rows.children[at] !== row) || list.length !== rows.children.length) rows.replaceChildren(...list);
  // Who reads further down is not pushed away from there.
  if (scroller && top > 40) scroller.scrollTop = top + rows.scrollHeight - height;
  if (had) $(`.row[data-id="${had}"] a`)?.focus({ preventScroll: true });
  for (const part of ["#counts", ".boxes", ".more"]) {
    const mine = $(part), other = $(part, next);
    if (mine && other) mine.replaceWith(document.adoptNode(other));
    else if (mine) mine.remove();
    else if (other) part === ".more" ? rows.after(document.adoptNode(other)) : rows.before(document.adoptNode(other));
  }
  return mark ? fresh : [];
}

const rowLinks = () => $$("#rows .row:not([hidden]) a");
const currentLink = () => document.activeElement?.closest?.("#rows a") ?? $("#rows [aria-current]");

function move(step) {
  const links = rowLinks(), at = links.indexOf(currentLink());
  const next = links[at < 0 ? (step > 0 ? 0 : links.length - 1) : at + step];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

// What happens

let timer = 0, again = false, news = [];
// Takes over the list as it is now: at once, then at most every 200 ms however much comes.
async function refresh() {
  if (timer) { again = true; return }
  timer = setTimeout(() => { timer = 0; if (again) { again = false; refresh() } }, 200);
  if (!$("#rows")) return;
  try {
    const next = (await get(location.href.split("#")[0].replace(/\/m\/[^?]*/, home === "/" ? "/" : ""))).response;
    const wasEmpty = !$("#rows .row");
    const open = $(".mail")?.dataset.id;
    const fresh = merge(next, true);
    if (open) $(`.row[data-id="${open}"] a`)?.setAttribute("aria-current", "true");
    if (!open && wasEmpty !== !$("#rows .row")) { $("#main").replaceWith(document.adoptNode($("#main", next))); dress() }
    if (!open) title(next); else document.title = document.title.replace(/^(\(\d+\) )?/, next.title.match(/^\(\d+\) /)?.[0] ?? "");
    if (fresh.length) announce(fresh);
  } catch { /* The next event, or the next connection, brings it. */ }
}

// Tells of new mail once a second, so that a burst does not keep a screen reader busy.
let speaking = 0;
function announce(rows) {
  news.unshift(...rows);
  speaking ||= setTimeout(() => {
    const [first] = news, what = $(".subject bdi", first)?.textContent, who = $(".who bdi", first)?.textContent;
    say(news.length === 1 ? `New mail “${what}” from ${who}` : `${news.length} new mails, the last is “${what}” from ${who}`);
    news = [];
    speaking = 0;
  }, 1000);
}

function say(text) { $("#said").textContent = text }

function state(on, word) {
  $("#live").dataset.state = on ? "on" : "off";
  $("#live .word").textContent = word;
}

function listen() {
  const events = new EventSource(`${base}/api/v1/events`);
  let was = false;
  events.onopen = () => { state(true, "Live"); if (was) refresh(); was = true };
  events.onerror = () => {
    state(false, "Connection lost, trying again");
    // Refused for good, or the server was started anew without memory of us.
    if (events.readyState === EventSource.CLOSED) setTimeout(listen, 3000);
  };
  for (const name of ["message", "deleted", "dropped", "marked", "resync"]) events.addEventListener(name, refresh);
  // A message of a preview was saved: who looks at it sees it as it is now, on the same tab.
  events.addEventListener("replaced", event => {
    const { old, new: id } = JSON.parse(event.data);
    if ($(".mail")?.dataset.id !== String(old)) return;
    const now = location.href.replace(`/m/${old}`, `/m/${id}`);
    history.replaceState(history.state, "", now);
    go(now, { push: false });
  });
}

// Deleting, with ten seconds to think

const leaving = [];
const isLeaving = id => leaving.some(one => one.has(Number(id)));

function leave({ has, send, word }) {
  flush();
  const one = { has, send, timer: setTimeout(() => { flush() }, 10_000) };
  leaving.push(one);
  for (const row of $$("#rows .row")) row.hidden = isLeaving(row.dataset.id);
  $("#toast span").textContent = word;
  $("#toast").hidden = false;
}

// Deletes what waits.
function flush(more) {
  for (const one of leaving.splice(0)) {
    clearTimeout(one.timer);
    one.send(more).then(refresh, () => { say("It could not be deleted"); refresh() });
  }
  $("#toast").hidden = true;
}

function undo() {
  if (!leaving.length) return;
  for (const one of leaving.splice(0)) clearTimeout(one.timer);
  $("#toast").hidden = true;
  for (const row of $$("#rows .row")) row.hidden = false;
  say("Nothing was deleted");
  refresh();
}

function remove(id, url) {
  const links = rowLinks(), row = $(`.row[data-id="${id}"]`);
  const at = links.findIndex(link => link.parentElement === row);
  const next = links[at + 1] ?? links[at - 1];
  leave({ has: one => one === Number(id), send: more => post(url, {}, more), word: "Mail deleted" });
  if ($(".mail")?.dataset.id === String(id)) {
    if (next && wide.matches) go(next.href).then(() => $(`.row[data-id="${next.parentElement.dataset.id}"] a`)?.focus({ preventScroll: true }));
    else go(listUrl());
  } else next?.focus();
}

const listUrl = () => home + location.search;
$("#toast button").addEventListener("click", undo);
addEventListener("pagehide", () => flush({ keepalive: true }));

// What is pressed

addEventListener("click", event => {
  const link = event.target.closest?.("a[href]");
  const copy = event.target.closest?.("[data-copy]");
  if (copy) { navigator.clipboard?.writeText(copy.dataset.copy).then(() => say("Copied")); return }
  if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey || link.target || link.hasAttribute("download")) return;
  if (link.matches("#rows a")) { event.preventDefault(); open(link) }
  else if (link.matches(".tabs a")) { event.preventDefault(); view(link) }
  else if (link.matches("a.swap")) { event.preventDefault(); swap(link) }
  else if (link.matches(".back")) { event.preventDefault(); back(link) }
});

async function open(link) {
  const id = link.parentElement.dataset.id;
  // Stays in the view that one is in.
  const tab = $(".tabs :is([aria-current], [aria-selected=true])")?.id.slice(4);
  const url = new URL(link.href);
  if (tab && tab !== "html" && wide.matches) url.pathname += `/${tab}`;
  await go(url, { focus: wide.matches ? undefined : "h1" });
  if (wide.matches) $(`.row[data-id="${id}"] a`)?.focus({ preventScroll: true }); else scrollTo(0, 0);
}

async function back(link) {
  const id = $(".mail")?.dataset.id;
  await go(link.href);
  $(`.row[data-id="${id}"] a`)?.focus();
}

async function view(link, focus = true) {
  await go(link.href, { parts: ["#panel"], focus: focus ? `#${link.id}` : undefined });
}

async function swap(link) {
  const label = link.textContent;
  const group = link.closest("[aria-labelledby]")?.getAttribute("aria-labelledby");
  await go(link.href, { parts: ["#panel"] });
  const same = group && $$(`[aria-labelledby="${group}"] a`).find(one => one.textContent === label);
  (same ?? $("#panel a.swap"))?.focus();
}

addEventListener("submit", event => {
  const form = event.target;
  if (form.matches(".delete-form")) {
    event.preventDefault();
    remove($(".mail").dataset.id, form.action);
  } else if (form.matches(".mark-form")) {
    event.preventDefault();
    mark($(".mail").dataset.id, form.read.value);
  } else if (form.matches(".clear-form")) {
    // The list it goes back to has to be the one that hides what waits.
    event.preventDefault();
    try { sessionStorage.setItem("posthaste-clear", JSON.stringify({ url: form.action, upto: Number(form.upto.value) })) }
    catch { form.submit(); return }
    location.assign(home + location.search);
  }
});

async function mark(id, read) {
  await post(`${base}/m/${id}/mark`, { read });
  say(read === "true" ? "Marked as read" : "Marked as unread");
  const field = $(`.mail[data-id="${id}"] .mark-form`);
  if (field) {
    field.read.value = read === "true" ? "false" : "true";
    $("button", field).textContent = `Mark ${read === "true" ? "unread" : "read"}`;
  }
  refresh();
}

// Tabs (the ARIA pattern): one of them is in the order of the Tab key, arrows go to the others.

function dress() {
  for (const button of $$(".copy")) button.hidden = false;
  const tabs = $(".tabs");
  if (!tabs || tabs.role) return;
  tabs.role = "tablist";
  for (const tab of $$("a", tabs)) {
    const chosen = tab.getAttribute("aria-current") === "page";
    tab.role = "tab";
    tab.removeAttribute("aria-current");
    tab.setAttribute("aria-selected", chosen);
    tab.setAttribute("aria-controls", "panel");
    tab.tabIndex = chosen ? 0 : -1;
  }
  $("#panel").role = "tabpanel";
  const chosen = $("[aria-selected=true]", tabs);
  tabs.scrollLeft = chosen ? chosen.offsetLeft - (tabs.clientWidth - chosen.offsetWidth) / 2 : 0;
}

function arrow(event) {
  const tabs = $$(".tabs a"), at = tabs.indexOf(event.target);
  const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[event.key];
  if (at < 0 || to === undefined) return false;
  const tab = tabs[(to + tabs.length) % tabs.length];
  // At once, since the next key may come before the page does.
  tab.focus({ preventScroll: true });
  view(tab);
  return true;
}

// Keys

const keysAreOn = () => kept.get("keys") !== "off";
$("#keys-on").checked = keysAreOn();
$("#keys-on").addEventListener("change", event => kept.set("keys", event.target.checked ? "on" : "off"));
const help = () => $("#keys").showModal();
$("#help").addEventListener("click", help);

const actions = {
  j: () => move(1),
  k: () => move(-1),
  "/": () => { $(".search input").focus(); $(".search input").select() },
  r: () => {
    const row = currentLink()?.parentElement;
    if (row) mark(row.dataset.id, String(row.classList.contains("unread")));
  },
  "#": () => {
    const row = currentLink()?.parentElement;
    if (row) remove(row.dataset.id, `${base}/m/${row.dataset.id}/delete`);
  },
  u: undo,
  "?": help,
};

addEventListener("keydown", event => {
  if (event.target.matches?.(".tabs a") && arrow(event)) { event.preventDefault(); return }
  const typing = event.target.matches?.("input, textarea, select, [contenteditable]");
  if (typing && event.key === "Escape") event.target.blur();
  if (typing || event.metaKey || event.ctrlKey || event.altKey || !keysAreOn() || $("#keys").open) return;
  const tab = /^[1-8]$/.test(event.key) && $$(".tabs a")[event.key - 1];
  const action = tab ? () => view(tab, false) : Object.hasOwn(actions, event.key) && actions[event.key];
  if (!action) return;
  event.preventDefault();
  action();
});

// Now

dress();
const clear = (() => { try { return sessionStorage.getItem("posthaste-clear") } catch { return null } })();
if (clear && $("#rows")) {
  sessionStorage.removeItem("posthaste-clear");
  const { url, upto } = JSON.parse(clear);
  leave({ has: id => id <= upto, send: more => post(url, { upto }, more), word: "Mails deleted" });
}
listen();
