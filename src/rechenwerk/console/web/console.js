// What every page does with a script: keys, copying, choices that are sent when they are made, and looking again.
import { live } from "./shared/live.js";

live();

for (const here of document.querySelectorAll(".side [aria-current], .tabs [aria-current]")) {
  const line = here.closest("ul");
  if (line.scrollWidth > line.clientWidth) line.scrollLeft = here.offsetLeft - line.clientWidth / 2 + here.clientWidth / 2;
}

const typing = (node) => node instanceof HTMLElement && (node.isContentEditable || /^(INPUT|SELECT|TEXTAREA)$/.test(node.tagName));
let leading = 0;

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
  const afterG = Date.now() - leading < 1500;
  leading = 0;
  if (afterG) {
    event.preventDefault(); // whatever else listens: this key goes to another page
    const link = document.querySelector(`[data-letter="${CSS.escape(event.key)}"]`);
    if (link) link.click();
  } else if (event.key === "g") {
    leading = Date.now();
  } else if (event.key === "/") {
    const search = document.querySelector("[data-search]");
    if (search) { event.preventDefault(); search.focus(); search.select(); }
  } else if (event.key === "?") {
    const dialog = document.getElementById("keys");
    if (dialog && !dialog.open) dialog.showModal();
  }
});

document.addEventListener("click", async (event) => {
  const button = event.target instanceof Element ? event.target.closest("[data-copy]") : null;
  const source = button && document.getElementById(button.dataset.copy);
  if (!source) return;
  const before = button.textContent;
  try {
    await navigator.clipboard.writeText(source.textContent);
  } catch {
    // Without a secure context there is no clipboard: the text is selected, to be copied by hand.
    const range = document.createRange();
    range.selectNodeContents(source);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    return;
  }
  button.textContent = button.dataset.done;
  setTimeout(() => { button.textContent = before; }, 1500);
});

document.addEventListener("change", (event) => {
  const target = event.target;
  if (target instanceof HTMLSelectElement && target.hasAttribute("data-send")) target.form.requestSubmit();
});
