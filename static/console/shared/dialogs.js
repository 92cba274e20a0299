// The dialog over the page, and what is said when the server cannot answer it.

const dialog = () => document.getElementById("dialog");

// Once settled: htmx itself focuses what is marked so, and comes after afterSwap.
document.addEventListener("htmx:afterSettle", (event) => {
  if (event.detail.target?.id === "dialog") {
    if (!dialog().open) dialog().showModal();
    const first = dialog().querySelector("[aria-invalid=true]");
    (first ?? dialog().querySelector("[autofocus]"))?.focus();
  }
});
document.addEventListener("command-done", () => dialog().close());
// A refusal is shown in its dialog, whatever its status.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.xhr.getResponseHeader("HX-Retarget") !== "#dialog") return;
  event.detail.shouldSwap = true;
  event.detail.isError = false;
});

// Over what was typed, which stays.
function tell(part, words) {
  // Somebody types on: once is enough, and where they look.
  if (part?.matches?.("input[type=search]")) {
    document.querySelector(part.getAttribute("hx-target")).textContent = words;
    return;
  }
  const bar = document.createElement("p");
  bar.className = "notice error";
  bar.textContent = words;
  (dialog().querySelector("form") ?? document.getElementById("notices")).prepend(bar);
}

document.addEventListener("htmx:sendError", (event) => {
  const part = event.detail.elt;
  const searches = part?.matches?.("input[type=search]");
  const nothing = searches ? "." : ": nothing was done. Try again.";
  tell(part, `The server does not answer${nothing}`);
});
document.addEventListener("htmx:responseError", (event) => {
  const { elt, xhr } = event.detail;
  const plain = xhr.getResponseHeader("Content-Type")?.startsWith("text/plain");
  tell(elt, plain ? xhr.responseText : `The server could not do this (${xhr.status}).`);
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
