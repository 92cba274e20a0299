// What the console does in the browser beyond htmx: the state of the live connection, ticking
// times, dialogs, and smooth moves of the traffic bar. Pages work without any of it.
"use strict";

// The server is never silent for longer than this while a live page is open (watch.py).
const SILENCE_MS = 10_000;
const CLOSED_FOR_GOOD = {
  4403: 'You are signed out, or may not look any more. <a href="">Sign in again</a>.',
  4404: "What this page shows does not exist any more.",
};

let clockAheadMs = 0; // the server's clock less ours: deadlines are kept by the server's

// -- live connection --

let heardAt = Date.now();
let lostSince = null;
let closedForGood = "";
let socket = null;

function livePage() {
  return document.querySelector("[data-live]");
}

function showLink() {
  if (!livePage()) return;
  const lost = lostSince !== null;
  document.body.classList.toggle("lost", lost);
  document.body.classList.toggle("linked", !lost && socket !== null);
  const word = document.querySelector("[data-link-state]");
  if (word) word.textContent = lost ? "as of" : socket ? "live" : "as of";
  const bar = document.getElementById("connection");
  if (!lost) {
    bar.hidden = true;
    bar.textContent = "";
  } else if (closedForGood) {
    bar.hidden = false;
    bar.innerHTML = closedForGood;
  } else {
    const at = new Date(lostSince).toISOString().slice(11, 19);
    if (bar.hidden) {
      bar.hidden = false;
      bar.innerHTML = 'Connection lost since <time></time> UTC. What you see may have changed; it repairs itself. <span aria-hidden="true"></span>';
    }
    bar.querySelector("time").textContent = at;
    bar.querySelector("span").textContent = inWords((Date.now() - lostSince) / 1000);
  }
}

function lose() {
  if (lostSince === null) lostSince = Math.max(heardAt, Date.now() - SILENCE_MS);
  showLink();
}

function hear() {
  heardAt = Date.now();
  lostSince = null;
  readClock();
  showLink();
  tick();
}

function readClock() {
  const clock = document.querySelector("[data-now]");
  if (clock) clockAheadMs = Date.parse(clock.dataset.now) - Date.now();
}

document.addEventListener("htmx:wsOpen", (event) => {
  socket = event.detail.socketWrapper;
});
document.addEventListener("htmx:wsAfterMessage", hear);
document.addEventListener("htmx:wsClose", (event) => {
  const { code } = event.detail.event;
  const wrapper = socket;
  socket = null;
  if (CLOSED_FOR_GOOD[code]) closedForGood = CLOSED_FOR_GOOD[code];
  // The extension comes back by itself from these; from any other close we ask it to.
  else if (![1006, 1011, 1012, 1013].includes(code) && wrapper) setTimeout(() => wrapper.reconnect(), 1000);
  lose();
});
// The page it leaves is not "lost".
window.addEventListener("pagehide", () => document.body.classList.remove("lost"));

// -- times that tick --

function inWords(seconds) {
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${String(Math.floor(seconds % 60)).padStart(2, "0")} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function tick() {
  const now = Date.now() + clockAheadMs;
  for (const time of document.querySelectorAll("time[data-countdown]")) {
    const left = (Date.parse(time.dateTime) - now) / 1000;
    write(time, left > 0 ? `in ${inWords(left)}` : `over for ${inWords(-left)}`);
  }
  for (const time of document.querySelectorAll("time[data-elapsed]")) {
    write(time, inWords(Math.max(0, (now - Date.parse(time.dateTime)) / 1000)));
  }
  for (const time of document.querySelectorAll("time[data-ago]")) {
    write(time, `${inWords(Math.max(0, (now - Date.parse(time.dateTime)) / 1000))} ago`);
  }
}

setInterval(() => {
  if (lostSince === null) tick(); // what is lost stands still
  if (!livePage()) return;
  if (socket && Date.now() - heardAt > SILENCE_MS) lose();
  if (lostSince !== null) showLink();
}, 500);

document.addEventListener("mouseover", (event) => {
  const time = event.target.closest?.("time[datetime]");
  if (time && !time.title) {
    time.title = `${new Date(time.dateTime).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" })} (your time)`;
  }
});

// -- smooth moves --

// A pushed fragment replaces the old one, and a new element has nowhere to come from. So it
// starts where its predecessor stood.
const stood = new Map();

function generationOf(part) {
  const newest = [...(part?.querySelectorAll("li[data-generation]") ?? [])].at(-1) ?? part;
  return Number(newest?.dataset.generation ?? NaN);
}

// Where the keyboard was, when the fragment around it is replaced.
let lostFocus = null;

// A list that grows above what is being read must not push it away: the row, and where it stood.
let inSight = null;

function firstInSight(list) {
  const rows = list.getBoundingClientRect().top < 0 ? list.querySelectorAll("[data-rows] [id]") : [];
  const row = [...rows].find((one) => one.getBoundingClientRect().top >= 0);
  return row ? { id: row.id, top: row.getBoundingClientRect().top } : null;
}

// The answer to a command and the websocket bring the same fragments, in either order: the
// newer one stays, and an event is listed once.
document.addEventListener("htmx:oobBeforeSwap", (event) => {
  const { target, fragment } = event.detail;
  if (target.id === "swap-events") {
    for (const line of fragment.querySelectorAll("li[data-generation]")) {
      if (target.querySelector(`li[data-generation="${line.dataset.generation}"]`)) line.remove();
    }
  } else if (generationOf(fragment.firstElementChild) < generationOf(target)) {
    event.preventDefault();
    return;
  }
  const focused = document.activeElement;
  if (focused && target.contains(focused)) lostFocus = { id: focused.id, within: target.id };
  inSight ??= firstInSight(target);
  for (const part of event.detail.target.querySelectorAll("[data-moves]")) {
    stood.set(part.id, part.dataset.moves.split(" ").map((name) => [name, part.getAttribute(name)]));
  }
});
document.addEventListener("htmx:oobAfterSwap", () => {
  if (lostFocus) {
    const fragment = document.getElementById(lostFocus.within);
    const same = lostFocus.id && document.getElementById(lostFocus.id);
    (same || fragment?.querySelector("a[href], button, [tabindex]"))?.focus({ preventScroll: true });
    lostFocus = null;
  }
  if (inSight) {
    const row = document.getElementById(inSight.id);
    if (row) window.scrollBy({ top: row.getBoundingClientRect().top - inSight.top, behavior: "instant" });
    inSight = null;
  }
  for (const [id, places] of stood) {
    const part = document.getElementById(id);
    if (!part) continue;
    const goal = places.map(([name]) => [name, part.getAttribute(name)]);
    for (const [name, value] of places) part.setAttribute(name, value);
    part.getBoundingClientRect(); // settles the start, so that the change below is a transition
    for (const [name, value] of goal) part.setAttribute(name, value);
  }
  stood.clear();
});

// -- dialogs --

const dialog = () => document.getElementById("dialog");

// Once settled: htmx itself focuses what is marked so, and comes after afterSwap.
document.addEventListener("htmx:afterSettle", (event) => {
  if (event.detail.target?.id === "dialog") {
    if (!dialog().open) dialog().showModal();
    (dialog().querySelector("[aria-invalid=true]") ?? dialog().querySelector("[autofocus]"))?.focus();
  }
});
document.addEventListener("command-done", () => dialog().close());
document.addEventListener("htmx:sendError", (event) => {
  // Somebody types on: once is enough, and where they look.
  const typing = event.detail.elt?.matches?.("input[type=search]");
  if (typing) {
    document.querySelector(event.detail.elt.getAttribute("hx-target")).textContent = "The server does not answer.";
    return;
  }
  const bar = document.createElement("p");
  bar.className = "notice error";
  bar.textContent = "The server does not answer: nothing was done. Try again.";
  (dialog().querySelector("form") ?? document.getElementById("notices")).prepend(bar);
});
document.addEventListener("click", (event) => {
  const close = event.target.closest("[data-close]");
  if (close && dialog().open) {
    event.preventDefault();
    dialog().close();
  }
  const fill = event.target.closest("[data-fill]");
  if (fill) {
    const field = document.getElementById(fill.dataset.fill);
    field.value = fill.value;
    field.focus();
  }
});
// Links that act as buttons answer to the space bar as buttons do.
document.addEventListener("keydown", (event) => {
  if (event.key === " " && event.target.matches?.("a[role=button]")) {
    event.preventDefault();
    event.target.click();
  }
});

// -- the record: a link to it, and paper --

async function copyText(button, text) {
  const label = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    // Without HTTPS browsers give no clipboard: then it stands there to be taken.
    window.prompt(button.getAttribute("aria-label") ?? label, text);
    return;
  }
  setTimeout(() => (button.textContent = label), 2000);
}

function showWhatNeedsScript() {
  for (const part of document.querySelectorAll("[data-script]")) part.hidden = false;
}

document.addEventListener("click", (event) => {
  const copies = event.target.closest("[data-copy-link]");
  if (copies) copyText(copies, location.origin + location.pathname);
  if (event.target.closest("[data-print]")) window.print();
  const words = event.target.closest("[data-copy]");
  if (words) copyText(words, words.parentElement.querySelector("code").textContent);
});
document.addEventListener("htmx:oobAfterSwap", showWhatNeedsScript);
document.addEventListener("htmx:afterSwap", showWhatNeedsScript);
showWhatNeedsScript();

// -- keyboard --

// What scrolls sideways can be reached and scrolled by keyboard; what does not is no stop on the
// way through the page.
function reachScrollers() {
  for (const box of document.querySelectorAll(".scroll, .frozen")) {
    if (box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
}
for (const name of ["htmx:afterSwap", "htmx:wsAfterMessage"]) document.addEventListener(name, reachScrollers);
window.addEventListener("resize", reachScrollers);

// Back soon, but not all at once: a server that restarts is not run over by its pages.
// At five seconds at most, for the operator who waits.
htmx.config.wsReconnectDelay = (tries) => Math.min(250 * 2 ** tries, 5000) * (0.5 + Math.random() / 2);

readClock();
tick();
reachScrollers();
