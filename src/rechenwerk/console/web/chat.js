// Chat: answers as they are written, over the documented API; the page itself comes from the server again.
import { events } from "./shared/events.js";

const API = "/api/v1";
const form = document.getElementById("composer");
const status = document.getElementById("chat-status");
const thread = () => document.getElementById("thread");
const words = thread().dataset;
let codes = 0; // pieces of code that got a button
let loading = null;
let running = null; // { chat, answer, abort } of the answer that is being written

// What draws answers comes when the first one does.
function renderer() {
  loading ??= new Promise((done, fail) => {
    const script = document.createElement("script");
    script.src = words.render;
    script.addEventListener("load", done);
    script.addEventListener("error", fail);
    document.head.append(script);
  });
  return loading;
}

// The page's own buttons: what every page does with them, console.js does.
function copyButtons(node) {
  for (const pre of node.querySelectorAll("pre")) {
    pre.id = `code-${codes += 1}`;
    const button = element("button", "copy", words.copyCode);
    button.type = "button";
    button.dataset.copy = pre.id;
    button.dataset.done = words.copied;
    const box = element("div", "snippet");
    pre.replaceWith(box);
    box.append(pre, button);
  }
}

function show(target, text, whole) {
  if (!window.rechenwerkRender) { target.textContent = text; return; }
  target.replaceChildren(window.rechenwerkRender(text));
  if (whole) copyButtons(target);
}

async function dress(root) {
  const all = [...root.querySelectorAll("[data-markdown]")];
  if (!all.length) return;
  await renderer();
  for (const raw of all) {
    if (!raw.hasAttribute("data-markdown")) continue;  // somebody else was quicker
    const shown = document.createElement("div");
    shown.className = "markdown";
    show(shown, raw.textContent, true);
    raw.hidden = true;
    raw.removeAttribute("data-markdown");
    raw.after(shown);
  }
}

const problem = (text) => {
  const place = document.getElementById("chat-problem");
  place.replaceChildren();
  if (!text) return;
  const line = document.createElement("p");
  line.className = "wrong-why box";
  line.textContent = text;
  place.append(line);
};

async function api(method, path, body, headers = {}) {
  const json = body !== undefined && !(body instanceof Blob);
  const answer = await fetch(API + path, {
    method, headers: { ...(json ? { "content-type": "application/json" } : {}), ...headers },
    body: json ? JSON.stringify(body) : body, signal: running ? running.abort.signal : undefined,
  });
  if (!answer.ok) {
    if (answer.status === 401) location.assign(`/console/sign-in?to=${encodeURIComponent(location.pathname)}`);
    const told = await answer.json().catch(() => null);
    throw new Error((told && told.error && told.error.message) || `HTTP ${answer.status}`);
  }
  return answer;
}

const following = () => document.documentElement.scrollHeight - innerHeight - scrollY < 160;
const toEnd = () => scrollTo({ top: document.documentElement.scrollHeight, behavior: "instant" });

function element(name, className, text) {
  const node = document.createElement(name);
  node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

function begin(text, model) {
  renderer();
  const place = thread();
  const empty = place.querySelector(".empty");
  if (empty) empty.remove();
  place.setAttribute("aria-busy", "true");
  if (text !== null) {
    const said = element("article", "said mine");
    said.append(element("h2", "unseen", words.you), element("p", "words", text));
    place.append(said);
  }
  const answer = element("article", "said");
  const shown = element("div", "markdown");
  const waiting = element("p", "quiet waiting", words.waiting);
  answer.append(element("h2", "who-said", model), shown, waiting);
  place.append(answer);
  toEnd();
  return { shown, waiting };
}

// The words of an answer; the document is drawn anew once a frame at most.
function writer({ shown, waiting }) {
  let text = "", due = false;
  const draw = () => {
    due = false;
    const stay = following();
    show(shown, text, false);
    waiting.textContent = words.writing;
    if (stay) toEnd();
  };
  return (more) => {
    text += more;
    if (!due) { due = true; setTimeout(draw, text.length > 20000 ? 300 : 50); }
  };
}

// The page as the server has it now, without loading it: figures, branches, list.
async function refresh(path) {
  const answer = await fetch(path, { headers: { accept: "text/html" } });
  if (!answer.ok) { location.assign(path); return; }
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const id of ["thread", "talk-head", "talks"]) {
    const fresh = page.getElementById(id), old = document.getElementById(id);
    if (!fresh || !old) continue;
    await dress(fresh);
    old.replaceWith(document.adoptNode(fresh));
    if (window.htmx) window.htmx.process(document.getElementById(id));
  }
  document.title = page.title;
  const next = page.getElementById("composer");
  if (form && next) for (const name of ["chat", "parent"]) form.elements[name].value = next.elements[name].value;
  const editing = document.getElementById("editing");
  if (editing) editing.remove();
  history.replaceState(null, "", path);
  toEnd();
}

// A stopped answer is booked some seconds later: its figures come then.
async function booked(chat, answer) {
  for (let tries = 0; tries < 30 && !running && form.elements.chat.value === String(chat); tries += 1) {
    const told = await (await fetch(`${API}/chats/${chat}/messages/${answer}`)).json();
    if (!told.call || told.call.booked) break;
    await new Promise((done) => { setTimeout(done, 1000); });
  }
  if (!running && form.elements.chat.value === String(chat)) await refresh(`/console/chat/${chat}?at=${answer}`);
}

function busy(on) {
  if (!form) return;
  document.getElementById("stop").hidden = !on;
  document.getElementById("send").disabled = on;
  for (const button of document.querySelectorAll("form[data-ask] button.plain")) button.disabled = on;
}

async function chatNumber() {
  const field = form.elements.chat;
  if (!field.value) field.value = String((await (await api("POST", "/chats", {})).json()).id);
  return field.value;
}

async function ask(asked) {
  if (running) return;
  problem("");
  running = { chat: asked.chat, answer: null, abort: new AbortController() };
  busy(true);
  const again = asked.again !== undefined;
  let place = null, failed = "", answerId = null;
  try {
    const chat = running.chat = asked.chat || await chatNumber();
    const files = again ? [] : [...document.querySelectorAll("#chips [data-file]")].map((one) => Number(one.dataset.file));
    const body = { model: asked.model, parent: again ? Number(asked.again) : asked.parent ? Number(asked.parent) : null };
    if (!again) Object.assign(body, { text: asked.text, files });
    const answer = await api("POST", `/chats/${chat}/messages`, body, { "idempotency-key": crypto.randomUUID ? crypto.randomUUID() : `${Date.now()}-${Math.random()}` });
    let write = null;
    for await (const [name, data] of events(answer)) {
      if (name === "begun") {
        running.answer = answerId = data.answer;
        if (!again) { cut(asked.parent); form.elements.text.value = ""; grow(); document.getElementById("chips").replaceChildren(); }
        else cut(asked.again);
        place = begin(again ? null : asked.text, asked.model);
        write = writer(place);
        status.textContent = words.writing;
      } else if (name === "text") write(data.text);
    }
  } catch (error) {
    failed = place ? words.lost : error.message;
  }
  const chat = running.chat;
  running = null;
  busy(false);
  if (answerId !== null) await refresh(`/console/chat/${chat}?at=${answerId}`).catch(() => location.reload());
  if (failed) problem(failed);
  status.textContent = failed || words.finished;
  thread().setAttribute("aria-busy", "false");
  if (answerId !== null && thread().querySelector("[data-booking]")) booked(chat, answerId).catch(() => {});
}

// A branch begins where its question does: what stood below goes.
function cut(parent) {
  const place = thread();
  const last = parent ? document.getElementById(`m-${parent}`) : null;
  const all = [...place.children];
  for (const one of all.slice(last ? all.indexOf(last) + 1 : 0)) one.remove();
}

async function stop() {
  if (!running) return;
  const { chat, answer, abort } = running;
  if (answer === null) { abort.abort(); return; }
  await fetch(`${API}/chats/${chat}/messages/${answer}/stop`, { method: "POST" }).catch(() => abort.abort());
}

async function bring(files) {
  for (const file of files) {
    problem("");
    const chip = element("li", "chip waiting", file.name);
    document.getElementById("chips").append(chip);
    try {
      const chat = await chatNumber();
      const told = await (await api("POST", `/chats/${chat}/files?name=${encodeURIComponent(file.name)}`, file)).json();
      chip.className = "chip";
      chip.dataset.file = told.id;
      chip.textContent = told.name;
      chip.append(" ", element("span", "quiet", told.kind));
      const remove = element("button", "plain", "×");
      remove.type = "button";
      remove.setAttribute("aria-label", words.fileRemove.replace("%", told.name));
      remove.addEventListener("click", () => {
        chip.remove();
        fetch(`${API}/chats/${chat}/files/${told.id}`, { method: "DELETE" });
        form.elements.text.focus();
      });
      chip.append(remove);
    } catch (error) {
      chip.remove();
      problem(error.message);
    }
  }
}

function grow() {
  const field = form.elements.text;
  field.rows = Math.min(12, Math.max(2, field.value.split("\n").length));
}

// An answer that another window's office writes is looked at again by htmx until it ends.
document.addEventListener("htmx:load", (event) => { dress(event.detail.elt); });
dress(document).then(() => { if (form && document.querySelector("#thread .said")) toEnd(); });
document.addEventListener("submit", (event) => {
  const sent = event.target;
  if (!(sent instanceof HTMLFormElement) || !sent.hasAttribute("data-ask")) return;
  event.preventDefault();
  const asked = Object.fromEntries(new FormData(sent));
  if (asked.text !== undefined && !asked.text.trim()) return;
  ask(asked);
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && running) { event.preventDefault(); stop(); }
});
if (form) {
  const field = form.elements.text;
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    if (!running) form.requestSubmit();
  });
  field.addEventListener("input", grow);
  grow();
  document.getElementById("stop").addEventListener("click", stop);
  document.getElementById("file").addEventListener("change", (event) => {
    bring([...event.target.files]);
    event.target.value = "";
  });
  form.addEventListener("dragover", (event) => { event.preventDefault(); form.classList.add("over"); });
  form.addEventListener("dragleave", () => form.classList.remove("over"));
  form.addEventListener("drop", (event) => {
    event.preventDefault();
    form.classList.remove("over");
    bring([...event.dataTransfer.files]);
  });
  const select = form.elements.model;
  const kept = localStorage.getItem("rw-model");
  if (!form.elements.chat.value && kept && [...select.options].some((one) => one.value === kept)) select.value = kept;
  select.addEventListener("change", () => localStorage.setItem("rw-model", select.value));
  const first = document.querySelector("[data-focus]") ?? (matchMedia("(hover: hover)").matches ? field : null);
  first?.focus({ preventScroll: true });
}
addEventListener("pagehide", () => { if (running) running.abort.abort(); });
