// Times that tick: countdowns, and how long ago. They are the server's, not this machine's.

let clockAheadMs = 0; // the server's clock less ours: deadlines are kept by the server's

export function readClock() {
  const clock = document.querySelector("[data-now]");
  if (clock) clockAheadMs = Date.parse(clock.dataset.now) - Date.now();
}

export function inWords(seconds) {
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${String(Math.floor(seconds % 60)).padStart(2, "0")} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function tick() {
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

document.addEventListener("mouseover", (event) => {
  const time = event.target.closest?.("time[datetime]");
  if (time && !time.title) {
    time.title = `${new Date(time.dateTime).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" })} (your time)`;
  }
});
