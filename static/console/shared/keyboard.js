// The console by keyboard: single keys that go and search, and arrows in lists. What the keys are
// is told by templates/console/shared/keys/dialog.html. Everything can be reached without any of them.
const SWITCH = "hotswap-keys"; // in this browser's storage; "off" when switched off
const GO_MS = 1500; // so long a letter after `g` belongs to it

// -- single keys can be switched off (WCAG 2.1.4) --

function on() {
  try {
    return localStorage.getItem(SWITCH) !== "off";
  } catch {
    return true; // no storage: then nobody has switched them off
  }
}

function turn(to) {
  try {
    if (to) localStorage.removeItem(SWITCH);
    else localStorage.setItem(SWITCH, "off");
  } catch {
    // It holds for this page alone then.
  }
  announce();
}

// Assistive technology is told of keys only while they do something.
function announce() {
  const works = on();
  for (const part of document.querySelectorAll("[data-key]")) {
    if (works) part.setAttribute("aria-keyshortcuts", part.dataset.key);
    else part.removeAttribute("aria-keyshortcuts");
  }
  for (const box of document.querySelectorAll("[data-keys-switch]")) box.checked = works;
  document.body.classList.toggle("no-keys", !works);
}

document.addEventListener("change", (event) => {
  if (event.target.matches?.("[data-keys-switch]")) turn(event.target.checked);
});
// Fragments that come later have keys too.
for (const name of ["htmx:afterSwap", "htmx:oobAfterSwap"])
  document.addEventListener(name, announce);

// -- lists --

const LISTS = "[data-rows], main table > tbody, main .in-line";

function visible(part) {
  return part.getClientRects().length > 0;
}

function stopsOf(list) {
  return [...list.children]
    .map((row) => row.querySelector("a[href], button:not([disabled])"))
    .filter((stop) => stop && visible(stop));
}

// The next or the previous row of any list on the page; into the first from anywhere else.
function step(by) {
  const stops = [...document.querySelectorAll(LISTS)]
    .filter((list) => list.closest("main"))
    .flatMap(stopsOf);
  const row = document.activeElement.closest("main tr, main li");
  const at = row ? stops.findIndex((stop) => row.contains(stop)) : -1;
  stops[at < 0 ? 0 : Math.max(0, Math.min(at + by, stops.length - 1))]?.focus();
  return stops.length > 0;
}

function move(list, from, key) {
  const stops = stopsOf(list);
  const row = [...list.children].find((one) => one.contains(from));
  const at = stops.findIndex((stop) => row?.contains(stop));
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: stops.length - 1 }[key];
  if (to < 0 && list.closest(".search")) field(list).focus();
  else stops[Math.max(0, Math.min(to, stops.length - 1))]?.focus();
}

function field(part) {
  return part.closest(".search").querySelector("input");
}

// -- the search box --

function search() {
  const fields = [...document.querySelectorAll("main [data-key='/'], .rail [data-key='/']")].filter(
    visible,
  );
  if (fields.length === 0) location.assign(document.querySelector(".search-link").href);
  fields[0]?.focus();
  fields[0]?.select();
}

function leaveSearch(box) {
  const found = box.querySelector(".found-now");
  if (found) found.textContent = "";
  document.activeElement.blur();
}

// -- keys --

let goingUntil = 0;

function going(now) {
  goingUntil = now ? Date.now() + GO_MS : 0;
  document.body.classList.toggle("going", now);
  if (now) setTimeout(() => Date.now() >= goingUntil && going(false), GO_MS);
}

function typing(part) {
  return (
    part.isContentEditable ||
    part.matches("input:not([type=checkbox], [type=radio]), select, textarea")
  );
}

function single(key) {
  if (Date.now() < goingUntil) {
    going(false);
    const entry = document.querySelector(`[data-go="${CSS.escape(key.toLowerCase())}"]`);
    entry?.click();
    return entry !== null;
  }
  switch (key) {
    case "g":
      going(true);
      return true;
    case "/":
      search();
      return true;
    case "?":
      document.querySelector("[data-key='?']")?.click();
      return true;
    case "s": {
      const start =
        document.querySelector("main [data-key='s']")?.href ??
        document.querySelector("[data-start-swap]")?.dataset.startSwap;
      if (start) location.assign(start);
      return Boolean(start);
    }
    case "j":
    case "k":
      return step(key === "j" ? 1 : -1);
    default:
      return false;
  }
}

document.addEventListener("keydown", (event) => {
  const { key, target } = event;
  if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey)
    return;
  if (document.querySelector("dialog[open]")) return; // it has keys of its own
  const box = target.closest?.(".search");
  const list = target.closest?.(LISTS);
  if (key === "Escape") {
    going(false);
    if (box) leaveSearch(box);
    else if (list || target.matches?.("[data-key='/']")) target.blur();
    return;
  }
  if (box && target.matches("input") && key === "ArrowDown") {
    const first = box.querySelector("[data-rows] a");
    first?.focus();
    if (first) event.preventDefault();
    return;
  }
  if (target !== document.body && typing(target)) return;
  if (list && ["ArrowDown", "ArrowUp", "Home", "End"].includes(key)) {
    move(list, target, key);
    event.preventDefault();
    return;
  }
  if (key.length === 1 && on() && single(key)) event.preventDefault();
});

announce();
