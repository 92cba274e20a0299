// The state of a live page's connection: a lost one is shown, since when, and repairs itself.
import { inWords, readClock, tick } from "./times.js";

// The server is never silent for longer than this while a live page is open (watch.py).
const SILENCE_MS = 10_000;
const CLOSED_FOR_GOOD = {
  4403: 'You are signed out, or may not look any more. <a href="">Sign in again</a>.',
  4404: "What this page shows does not exist any more.",
};

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
      bar.innerHTML =
        'Connection lost since <time></time> UTC. What you see may have changed; it repairs itself. <span aria-hidden="true"></span>';
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
  else if (![1006, 1011, 1012, 1013].includes(code) && wrapper)
    setTimeout(() => wrapper.reconnect(), 1000);
  lose();
});
// The page it leaves is not "lost".
window.addEventListener("pagehide", () => document.body.classList.remove("lost"));

setInterval(() => {
  if (lostSince === null) tick(); // what is lost stands still
  if (!livePage()) return;
  if (socket && Date.now() - heardAt > SILENCE_MS) lose();
  if (lostSince !== null) showLink();
}, 500);
