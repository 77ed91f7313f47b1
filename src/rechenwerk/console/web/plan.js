// A plan's sliders, which ask the API as they move, and its text.
import { brief, formats, longPeriod, period, share } from "./shared/figures.js";

// -- sliders: a small sample at once, then more paths; an older question is given up ---------------
const trying = document.querySelector("[data-try]");
if (trying) {
  const told = JSON.parse(trying.dataset.try), words = told.words;
  const chart = document.getElementById("try-fan"), status = document.getElementById("try-status"), rows = document.getElementById("try-rows");
  const sliders = [...trying.querySelectorAll("[data-driver]")];
  const scale = (input) => 2 ** Number(input.value);
  let asking = null;

  const figure = (one) => {
    if (["months", "Monate"].includes(one.unit)) return one.note ? longPeriod(one.note) : words.never;
    if (one.value === null) return words.none;
    return ["share", "Anteil"].includes(one.unit) ? share(one.value) : `${brief(one.value)} ${one.unit}`;
  };

  function show(found) {
    for (const one of found.figures) {
      const node = trying.querySelector(`[data-figure="${CSS.escape(one.key)}"]`);
      if (node) node.textContent = figure(one);
    }
    trying.querySelector("[data-ruin]").textContent = share(found.ruined.at(-1));
    const [low, quarter, middle, three, high] = found.quantiles.cash;
    chart.dataset.chart = JSON.stringify({ kind: "fan", unit: found.unit, x: found.periods, outer: [low, high], inner: [quarter, three], middle, base: found.base.cash, ruined: found.ruined, words });
    document.dispatchEvent(new Event("rw:chart"));
    rows.replaceChildren(...found.periods.map((name, at) => {
      const row = document.createElement("tr"), head = document.createElement("th");
      head.scope = "row";
      head.textContent = period(name);
      row.append(head, ...[found.base.cash[at], low[at], middle[at], high[at]].map(brief).concat(share(found.ruined[at])).map((text) => {
        const cell = document.createElement("td");
        cell.className = "number";
        cell.textContent = text;
        return cell;
      }));
      return row;
    }));
    trying.dataset.paths = found.paths;
    status.textContent = words.paths_shown.replace("{count}", formats[0].format(found.paths));
  }

  async function ask() {
    asking?.abort();
    const control = asking = new AbortController();
    const without = [...trying.querySelectorAll("[name=without]:checked")].map((one) => one.value);
    const scenario = trying.querySelector("[name=scenario]")?.value ?? "";
    const factors = Object.fromEntries(sliders.filter((one) => Number(one.value)).map((one) => [one.dataset.driver, scale(one)]));
    trying.setAttribute("aria-busy", "true");
    for (const paths of [300, 3000]) {
      const begun = performance.now();
      try {
        const answer = await fetch(told.url, {
          method: "POST", signal: control.signal, headers: { "content-type": "application/json" },
          body: JSON.stringify({ factors, scenario, without, paths, language: told.language }),
        });
        const found = await answer.json();
        if (control !== asking) return;
        if (!answer.ok) { status.textContent = found.error?.message ?? String(answer.status); break; }
        show(found);
        performance.measure(`try-${paths}`, { start: begun, end: performance.now() });
      } catch (error) {
        if (error.name === "AbortError") return;
        status.textContent = String(error.message);
        break;
      }
    }
    trying.removeAttribute("aria-busy");
  }

  let waiting = 0;
  const soon = () => { clearTimeout(waiting); waiting = setTimeout(ask, 40); };
  const say = (input) => {
    const factor = scale(input), output = input.closest(".slider").querySelector("output");
    output.textContent = `× ${formats[2].format(factor)}`;
    output.classList.toggle("moved", Number(input.value) !== 0);
    input.setAttribute("aria-valuetext", `× ${formats[2].format(factor)}`);
  };
  trying.addEventListener("input", (event) => { if (event.target.matches("[data-driver]")) { say(event.target); soon(); } });
  trying.addEventListener("change", (event) => { if (event.target.matches("[name=without], [name=scenario]")) soon(); });
  trying.querySelector("[data-back]").addEventListener("click", () => { for (const one of sliders) { one.value = "0"; say(one); } ask(); });
  sliders.forEach(say);
  ask();
}

// -- a file chosen is put into the text; a mistake's button goes to its line ------------------------
document.addEventListener("change", async (event) => {
  const input = event.target;
  if (!(input instanceof HTMLInputElement) || !input.dataset.into || !input.files.length) return;
  const file = input.files[0], form = input.form;
  document.getElementById(input.dataset.into).value = await file.text();
  if (input.dataset.into === "f-text") {
    form.elements.format.value = /\.ya?ml$/i.test(file.name) ? "yaml" : "toml";
    const name = form.elements.name;
    if (name && !name.value) name.value = file.name.replace(/\.[^.]+$/, "");
  }
});
document.addEventListener("click", (event) => {
  const button = event.target instanceof Element ? event.target.closest("[data-line]") : null;
  if (!button) return;
  const text = document.getElementById("f-text"), all = text.value.split("\n"), line = Number(button.dataset.line);
  const start = all.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
  text.focus();
  text.setSelectionRange(start, start + (all[line - 1]?.length ?? 0));
  text.scrollTop = Math.max(0, (line - 6) * parseFloat(getComputedStyle(text).lineHeight));
});
