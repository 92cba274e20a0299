// Fragments that take the place of others: the newer one stays, nothing jumps, and neither the
// keyboard's place nor what is being read is lost.

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
  const rows =
    list.getBoundingClientRect().top < 0 ? list.querySelectorAll("[data-rows] [id]") : [];
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
    stood.set(
      part.id,
      part.dataset.moves.split(" ").map((name) => [name, part.getAttribute(name)]),
    );
  }
});
document.addEventListener("htmx:oobAfterSwap", () => {
  if (lostFocus) {
    const fragment = document.getElementById(lostFocus.within);
    const same = lostFocus.id && document.getElementById(lostFocus.id);
    (same || fragment?.querySelector("a[href], button, [tabindex]"))?.focus({
      preventScroll: true,
    });
    lostFocus = null;
  }
  if (inSight) {
    const row = document.getElementById(inSight.id);
    if (row)
      window.scrollBy({ top: row.getBoundingClientRect().top - inSight.top, behavior: "instant" });
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
