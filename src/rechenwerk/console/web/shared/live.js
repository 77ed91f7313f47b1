// Parts of a page that are asked for anew when what they show has changed: <div data-live="calls budgets" hx-trigger="live" ...>.
const EVERY = 1500; // ms between two times at least
const WITHOUT = 30000; // ms between two times where nobody tells us

const parts = () => [...document.querySelectorAll("[data-live]")];
const busy = (part) => part.querySelector("input:focus, select:focus, textarea:focus, :focus-visible");

let source = null, timer = 0, last = 0;
const waiting = new Set();

function reload() {
  timer = 0;
  last = Date.now();
  const changed = new Set(waiting);
  waiting.clear();
  for (const part of parts()) {
    const kinds = part.dataset.live.split(" ").filter((kind) => changed.has(kind));
    if (!kinds.length) continue;
    if (busy(part)) kinds.forEach((kind) => waiting.add(kind)); // where somebody fills in, or goes by keyboard, nothing moves
    else window.htmx.trigger(part, "live");
  }
  if (waiting.size) later();
}

function later() {
  if (!timer) timer = setTimeout(reload, Math.max(50, EVERY - (Date.now() - last)));
}

function changed(kinds) {
  kinds.forEach((kind) => waiting.add(kind));
  later();
}

function listen() {
  if (source || document.hidden) return;
  source = new EventSource(document.body.dataset.events);
  // What has changed before anybody listened is not told: so look once.
  for (const name of ["listening", "changed"]) source.addEventListener(name, (event) => changed(JSON.parse(event.data).kinds));
  source.addEventListener("listening", () => document.documentElement.setAttribute("data-listening", ""));
  source.addEventListener("error", () => {
    if (source && source.readyState === EventSource.CLOSED) {
      silence();
      setTimeout(() => { changed(parts().flatMap((part) => part.dataset.live.split(" "))); listen(); }, WITHOUT);
    }
  });
}

function silence() {
  if (source) source.close();
  source = null;
  document.documentElement.removeAttribute("data-listening");
}

export function live() {
  if (!parts().length || !document.body.dataset.events) return;
  // A window that nobody looks at holds no connection: a browser has few for one address.
  document.addEventListener("visibilitychange", () => (document.hidden ? silence() : listen()));
  addEventListener("pagehide", silence);
  addEventListener("pageshow", (event) => { if (event.persisted) listen(); });
  listen();
}
