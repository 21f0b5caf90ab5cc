// The first page: the batch is watched, recordings are added, rows are found.
"use strict";

// Searching: rows that match all words and the status stay.
(() => {
  const form = document.getElementById("find");
  if (!form) return;
  const rows = [...document.querySelectorAll("#rows tbody tr")];
  const shown = document.getElementById("shown");
  const plain = (text) => text.normalize("NFC").toLocaleLowerCase();
  const text = new Map(rows.map((row) => [row, plain(row.dataset.search)]));
  function find() {
    const words = plain(form.elements.search.value).split(/\s+/).filter(Boolean);
    const status = form.elements.status.value;
    let count = 0;
    for (const row of rows) {
      const fits = (!status || row.dataset.status === status) && words.every((w) => text.get(row).includes(w));
      row.hidden = !fits;
      count += fits;
    }
    shown.textContent = filled(shown.dataset.text, { shown: count, number: rows.length });
  }
  form.addEventListener("input", find);
  form.addEventListener("submit", (event) => event.preventDefault());
  find();
})();

// The batch: started, stopped, and looked at every two seconds while it goes on.
(() => {
  const OFTEN_MS = 2000;
  const SELDOM_MS = 15000;
  const $ = (id) => document.getElementById(id);
  const rows = new Map([...document.querySelectorAll("#rows tbody tr")].map((row) => [row.dataset.id, row]));
  let running = Boolean($("batch").dataset.running);
  let stopping = false;
  let timer;

  function set(node, text) {
    if (node.textContent !== text) node.textContent = text;
  }

  function showRow(row, { status, text, report }) {
    row.dataset.status = status;
    const state = row.querySelector(".state");
    state.className = `state ${status}`;
    set(state, text);
    const cell = row.querySelector(".report");
    if (!report || cell.querySelector("a")) return;
    const link = Object.assign(document.createElement("a"), { href: report, target: "_blank" });
    link.textContent = cell.dataset.open;
    link.setAttribute("aria-label", cell.dataset.name);
    cell.replaceChildren(link);
  }

  function show(now) {
    const ending = stopping && now.running;
    set($("headline"), ending ? $("stop").dataset.stopping : now.headline);
    set($("detail"), ending ? "" : now.detail);
    $("may-close").hidden = $("stop").hidden = ending;
    set($("start-button"), now.button);
    $("progress").value = now.share;
    $("progress").hidden = $("going").hidden = !now.running;
    $("start").hidden = !now.can_start;
    $("trouble").hidden = !now.trouble;
    const { cause = "", remedy = "", exact = "" } = now.trouble ?? {};
    const [told, own] = $("trouble").children;
    set(told, `${cause} ${remedy}`);
    set(own, exact);
    for (const [id, row] of Object.entries(now.rows)) if (rows.has(id)) showRow(rows.get(id), row);
    if (running && !now.running) location.reload(); // what asks for attention is another now
    running = now.running;
  }

  async function look() {
    clearTimeout(timer);
    try {
      const answer = await fetch("/status");
      if (answer.ok) show(await answer.json());
    } catch {
      say(said.dataset.offline);
    }
    timer = setTimeout(look, running ? OFTEN_MS : SELDOM_MS);
  }

  $("start").addEventListener("submit", async (event) => {
    event.preventDefault();
    stopping = false;
    if (await send("/batch/start", { language: event.target.elements.language.value })) look();
  });
  $("stop").addEventListener("click", async () => {
    if (!(await send("/batch/stop", {}))) return;
    stopping = true;
    look();
  });
  timer = setTimeout(look, running ? OFTEN_MS : SELDOM_MS);
})();

// Adding: files are chosen or dropped, named and dated, and sent one after the other.
(() => {
  const $ = (id) => document.getElementById(id);
  const words = JSON.parse($("add-words").textContent);
  const endings = /\.(3gp|avi|flv|gif|m2ts|m4v|mkv|mov|mp4|mpeg|mpg|mts|ts|webm|wmv)$/i;
  const form = $("add");
  const list = $("chosen");
  let chosen = [];

  // Whose it is, by the name of the file; a day and a time of day in it are not part of that.
  const moment = /(19|20)\d\d([-._ ]?)\d\d\2\d\d([-_ T]+\d{4,6})?/g;
  function person(name) {
    const stem = name.replace(/\.[^.]*$/, "");
    return stem.replace(moment, "").replace(/^[\s._-]+|[\s._-]+$/g, "") || stem;
  }

  // The folder right above a recording names its candidate, as it does below RECORDINGS; but not one that
  // holds folders of candidates itself.
  const folders = (path) => path.split("/").filter(Boolean).slice(0, -1);
  function candidateOf({ file, path }, all) {
    const above = folders(path);
    const isRoot = above.length === 1 && all.some((other) => folders(other.path).length > 1 && folders(other.path)[0] === above[0]);
    return above.length && !isRoot ? above.at(-1) : person(file.name);
  }

  function cell(row, label, input) {
    const td = document.createElement("td");
    td.setAttribute("role", "cell");
    td.dataset.label = label;
    td.append(input);
    row.append(td);
    return input;
  }

  function choose(found) {
    const fitting = found.filter(({ file }) => endings.test(file.name));
    const others = found.filter(({ file }) => !endings.test(file.name) && !file.name.startsWith("."));
    if (others.length) note(filled(words.skipped, { names: others.map(({ file }) => file.name).join(", ") }));
    if (!fitting.length) return;
    chosen = fitting.map(({ file, path }) => {
      const row = document.createElement("tr");
      row.setAttribute("role", "row");
      const name = document.createElement("th");
      name.scope = "row";
      name.setAttribute("role", "rowheader");
      name.textContent = file.name;
      row.append(name);
      const field = (type, label) =>
        Object.assign(document.createElement("input"), { type, ariaLabel: `${label}: ${file.name}` });
      const candidate = cell(row, list.dataset.candidate, field("text", list.dataset.candidate));
      Object.assign(candidate, { value: candidateOf({ file, path }, fitting), required: true, maxLength: 200 });
      const date = cell(row, list.dataset.date, field("date", list.dataset.date));
      return { file, row, candidate, date };
    });
    list.replaceChildren(...chosen.map(({ row }) => row));
    form.hidden = false;
    chosen[0].candidate.focus();
  }

  function note(text) {
    const item = document.createElement("li");
    item.textContent = text;
    $("added").append(item);
  }

  // What was said of recordings that were sent stands there still when the page has come anew with them.
  for (const text of JSON.parse(sessionStorage.getItem("added") ?? "[]")) note(text);
  sessionStorage.removeItem("added");

  function sendOne({ file, candidate, date }, consent) {
    const query = new URLSearchParams({
      name: file.name, candidate: candidate.value.trim(), date: date.value, consent: consent ? "yes" : "no",
    });
    const [label, bar] = $("sending").children;
    label.textContent = filled(words.progress, { name: file.name });
    bar.value = 0;
    return new Promise((done) => {
      const request = new XMLHttpRequest();
      request.open("PUT", `/recordings?${query}`);
      request.upload.addEventListener("progress", (event) => (bar.value = event.loaded / event.total));
      request.addEventListener("loadend", () => {
        if (request.status === 200) {
          note(filled(words.done, { name: file.name }));
          return done(true);
        }
        const lost = { cause: words.lost, remedy: "", exact: "" };
        const why = request.status ? reason(request.status, request.responseText) : lost;
        note(`${filled(words.failed, { name: file.name })} ${why.cause} ${why.remedy} ${why.exact}`);
        done(false);
      });
      request.send(file);
    });
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const consent = form.elements.consent.checked;
    form.hidden = true;
    $("sending").hidden = false;
    let some = false;
    for (const one of chosen) some = (await sendOne(one, consent)) || some;
    $("sending").hidden = true;
    form.reset();
    if (!some) return;
    sessionStorage.setItem("added", JSON.stringify([...$("added").children].map((item) => item.textContent)));
    location.reload();
  });
  $("cancel").addEventListener("click", () => (form.hidden = true));
  for (const input of [$("files"), $("folder")]) {
    input.addEventListener("change", () => {
      choose([...input.files].map((file) => ({ file, path: file.webkitRelativePath || file.name })));
      input.value = "";
    });
  }

  // A folder that is dropped is walked through.
  async function walked(entry) {
    if (entry.isFile) {
      const file = await new Promise((done, failed) => entry.file(done, failed));
      return [{ file, path: entry.fullPath }];
    }
    const reader = entry.createReader();
    const found = [];
    for (;;) {
      const some = await new Promise((done, failed) => reader.readEntries(done, failed));
      if (!some.length) return found;
      for (const inner of some) found.push(...(await walked(inner)));
    }
  }

  const drop = $("drop");
  for (const kind of ["dragenter", "dragover"]) {
    drop.addEventListener(kind, (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
  }
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", async (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry()).filter(Boolean);
    const found = [];
    for (const entry of entries) found.push(...(await walked(entry)));
    choose(found);
  });
})();
