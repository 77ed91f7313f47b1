// The guided check: each step appears as soon as the API has it.
import { events } from "./shared/events.js";

const form = document.getElementById("provider");
const button = document.getElementById("check");
const list = document.getElementById("steps");
const words = JSON.parse(form.dataset.words);
const say = (name, detail = "") => (words[name] ?? name).replace("{detail}", detail);

function line(state, name, text) {
  const item = document.createElement("li");
  item.className = state;
  for (const [kind, words_] of [["name", name], [`badge ${{ ok: "good", failed: "bad" }[state] ?? ""}`, say(`state.${state}`)], ["said", text]]) {
    const part = document.createElement("span");
    part.className = kind.trim();
    part.textContent = words_;
    item.append(part, " ");
  }
  return item;
}

function step(found) {
  list.append(line(found.state, say(`step.${found.step}`), words[`code.${found.code}`] ? say(`code.${found.code}`, found.detail) : found.message));
  if (!found.models.length) return;
  document.getElementById("names").replaceChildren(...found.models.map((name) => new Option("", name)));
  const field = form.elements.namedItem("upstream");
  if (!field.value && found.models.length === 1) field.value = found.models[0];
}

async function check() {
  const data = new FormData(form);
  const body = { kind: data.get("kind"), base_url: data.get("base_url"), own_server: data.get("own_server") === "yes", secret: data.get("secret") || null };
  list.replaceChildren();
  button.disabled = true;
  try {
    const answer = await fetch(form.dataset.check, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
    if (!answer.ok) { list.append(line("failed", "", (await answer.json()).error.message)); return; }
    let ended = false;
    for await (const [name, found] of events(answer)) {
      if (name === "step") step(found);
      else { ended = true; list.append(line(found.ok ? "ok" : "failed", "", say(found.ok ? "good" : "bad"))); }
    }
    if (!ended) list.append(line("failed", "", say("broken")));
  } catch {
    list.append(line("failed", "", say("broken")));
  } finally {
    button.disabled = false;
  }
}

button.addEventListener("click", (event) => { event.preventDefault(); check(); });

// A cloud's address is known; one's own server says so.
const kind = form.elements.namedItem("kind"), address = form.elements.namedItem("base_url"), own = form.elements.namedItem("own_server");
function chosen() {
  const option = kind.selectedOptions[0];
  address.placeholder = option.dataset.address || "https://api.example.com/v1";
  own.checked = own.checked || (!option.dataset.cloud && !address.value);
}
kind.addEventListener("change", chosen);
chosen();
