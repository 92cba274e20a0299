// What scrolls is within reach of the keyboard.

// What scrolls sideways can be reached and scrolled by keyboard; what does not is no stop on the
// way through the page.
function reachScrollers() {
  for (const box of document.querySelectorAll(".scroll, .frozen")) {
    if (box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
}
for (const name of ["htmx:afterSwap", "htmx:wsAfterMessage"])
  document.addEventListener(name, reachScrollers);
window.addEventListener("resize", reachScrollers);

reachScrollers();
