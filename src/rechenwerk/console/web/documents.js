// Documents: files are dropped and sent one by one, progress follows the job's events, the review has keys.
const part = (id) => document.getElementById(id);

// -- progress: each event of the job brings its part of the page anew ---------------------------------
const follow = () => {
  const place = part("progress");
  if (!place || !place.dataset.events) return;
  const source = new EventSource(place.dataset.events);
  let waits = false, again = false;
  const look = async () => {
    if (waits) { again = true; return; }
    waits = true;
    try {
      const answer = await fetch(place.dataset.page, { headers: { accept: "text/html" } });
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("progress");
      const shown = part("progress");
      if (answer.ok && fresh && shown) {
        const held = shown.contains(document.activeElement) && document.activeElement.matches("input");
        if (!held) shown.replaceChildren(...fresh.childNodes);
        if (!fresh.dataset.events) { source.close(); location.reload(); }
      }
    } catch { /* the office is away: the next event tries again */ }
    waits = false;
    if (again) { again = false; setTimeout(look, 300); }
  };
  source.addEventListener("progress", look);
  source.addEventListener("deleted", () => { source.close(); location.assign("/console/documents"); });
  document.addEventListener("rw:files", look);
  addEventListener("pagehide", () => source.close());
};

// -- files ---------------------------------------------------------------------------------------------
const AT_ONCE = 3;
const waiting = [];
let under = 0;

const named = async (items) => {
  const found = [];
  const walk = async (entry, before) => {
    if (entry.isFile) {
      const file = await new Promise((done, failed) => entry.file(done, failed));
      found.push([file, before + file.name]);
    } else if (entry.isDirectory) {
      const reader = entry.createReader();
      for (;;) {
        const some = await new Promise((done, failed) => reader.readEntries(done, failed));
        if (!some.length) return;
        for (const one of some) await walk(one, `${before}${entry.name}/`);
      }
    }
  };
  for (const entry of items) await walk(entry, "");
  return found;
};

const row = (form, name) => {
  const line = document.createElement("li");
  const label = document.createElement("span"), bar = document.createElement("progress"), said = document.createElement("span");
  label.textContent = name;
  bar.max = 1; bar.value = 0; bar.setAttribute("aria-label", name);
  line.append(label, bar, said);
  form.querySelector(".uploads").append(line);
  return { line, bar, said };
};

const refused = (shown, why) => {
  shown.said.className = "why";
  shown.said.textContent = why;
  shown.bar.remove();
  shown.line.dataset.state = "refused";
};

const send = (form, file, name, shown) => new Promise((done) => {
  const request = new XMLHttpRequest();
  const address = new URL(form.dataset.upload, location.href);
  address.searchParams.set("name", name);
  request.open("POST", address);
  request.upload.onprogress = (event) => { if (event.lengthComputable) shown.bar.value = event.loaded / Math.max(1, event.total); };
  request.onload = () => {
    let body = {};
    try { body = JSON.parse(request.responseText); } catch { /* no JSON: the status says enough */ }
    if (request.status < 300) {
      shown.bar.value = 1;
      shown.said.textContent = body.new === false ? form.dataset.there : form.dataset.taken;
      shown.line.dataset.state = "taken";
    } else refused(shown, body.error?.message ?? `HTTP ${request.status}`);
    done();
  };
  request.onerror = () => {
    refused(shown, form.dataset.broken);
    const again = document.createElement("button");
    again.type = "button";
    again.textContent = form.dataset.again;
    again.onclick = () => { shown.line.remove(); add(form, [[file, name]]); };
    shown.line.append(again);
    done();
  };
  request.send(file);
});

const pump = async () => {
  if (under >= AT_ONCE || !waiting.length) return;
  under += 1;
  await send(...waiting.shift());
  under -= 1;
  document.dispatchEvent(new Event("rw:files"));
  pump();
};

const add = (form, files) => {
  for (const [file, name] of files) {
    const shown = row(form, name);
    if (file.size > Number(form.dataset.largest)) refused(shown, form.dataset.tooLarge);
    else { waiting.push([form, file, name, shown]); pump(); }
  }
};

for (const form of document.querySelectorAll("[data-upload]")) {
  const input = form.querySelector("input[type=file]"), area = form.querySelector(".drop");
  form.addEventListener("submit", (event) => event.preventDefault());
  input.addEventListener("change", () => {
    add(form, [...input.files].map((file) => [file, file.webkitRelativePath || file.name]));
    input.value = "";
  });
  for (const kind of ["dragenter", "dragover"]) area.addEventListener(kind, (event) => { event.preventDefault(); area.classList.add("over"); });
  area.addEventListener("dragleave", (event) => { if (!area.contains(event.relatedTarget)) area.classList.remove("over"); });
  area.addEventListener("drop", async (event) => {
    event.preventDefault();
    area.classList.remove("over");
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    const plain = [...event.dataTransfer.files].map((file) => [file, file.name]);
    add(form, entries.length ? await named(entries) : plain);
  });
}
addEventListener("beforeunload", (event) => { if (under) event.preventDefault(); });

// -- review ---------------------------------------------------------------------------------------------
const typing = (node) => node instanceof HTMLElement && /^(INPUT|SELECT|TEXTAREA)$/.test(node.tagName);
const turn = (work, way) => work.querySelector(`a[rel=${way}]`)?.click();

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape" && typing(event.target)) { event.target.blur(); return; }
  const work = part("work");
  if (!work || typing(event.target) || document.querySelector("dialog[open]")) return;
  const button = work.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  const field = event.key === "c" ? work.querySelector("[data-focus-key=c]") : null;
  if (button) { event.preventDefault(); button.click(); }
  else if (field) { event.preventDefault(); field.focus(); field.select?.(); }
  else if (event.key === "j" || event.key === "ArrowRight") turn(work, "next");
  else if (event.key === "k" || event.key === "ArrowLeft") turn(work, "prev");
});

// The field's Enter corrects: a form's first button would accept.
document.addEventListener("keydown", (event) => {
  const field = event.target;
  if (event.key !== "Enter" || !(field instanceof HTMLInputElement) || !field.closest(".decide")) return;
  event.preventDefault();
  field.form.querySelector("button[value=correct]").click();
});

document.addEventListener("click", (event) => {
  const button = event.target instanceof Element ? event.target.closest("[data-zoom-by]") : null;
  if (!button) return;
  const sheet = button.closest(".sheet");
  sheet.dataset.zoom = Math.min(4, Math.max(1, Number(sheet.dataset.zoom) + Number(button.dataset.zoomBy)));
  centre();
});

const centre = () => {
  const place = document.querySelector(".sheet .this rect"), area = document.querySelector(".sheet-scroll");
  if (!place || !area) return;
  const box = place.getBoundingClientRect(), seen = area.getBoundingClientRect();
  area.scrollBy(box.left + box.width / 2 - seen.left - seen.width / 2, box.top + box.height / 2 - seen.top - seen.height / 2);
};

const ready = () => {
  const work = part("work");
  if (!work) return;
  if (work.dataset.ahead) new Image().src = work.dataset.ahead;
  centre();
};

// A refusal is shown where the work is, as the page has it.
document.addEventListener("htmx:beforeSwap", (event) => { if (event.detail.target?.id === "work" && event.detail.xhr.status >= 400) event.detail.shouldSwap = true; });
document.addEventListener("htmx:afterSettle", (event) => { if (event.detail.target?.id === "work" || event.target.id === "work") ready(); });
follow();
ready();
