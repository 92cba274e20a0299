// A page as a record: a link to it, commands to copy, and paper.

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
  setTimeout(() => {
    button.textContent = label;
  }, 2000);
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
