// What all pages of the desk share: sending, saying, the language, and choosing a face.
"use strict";

const said = document.getElementById("said");
const filled = (text, values) => text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);

const refusals = JSON.parse(document.getElementById("refusals").textContent);

function say(text, exact = "") {
  said.textContent = text;
  if (!exact) return;
  const own = Object.assign(document.createElement("span"), { className: "exact", lang: "en" });
  own.textContent = exact;
  said.append(" ", own);
}

// Why something was refused, as the desk answers it, or as its status says.
function reason(status, body) {
  if (status === 409) return JSON.parse(body);
  return { cause: refusals[status] ?? filled(refusals.other, { status }), remedy: "", exact: "" };
}

// What an address answers when it is sent texts by name; null, and said why, if it did not work.
async function send(path, texts) {
  try {
    const answer = await fetch(path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(texts),
    });
    if (answer.ok) return await answer.json();
    const { cause, remedy, exact } = reason(answer.status, await answer.text());
    say(`${said.dataset.error} ${cause} ${remedy}`, exact);
  } catch {
    say(said.dataset.offline);
  }
  return null;
}

document.getElementById("language")?.addEventListener("click", async (event) => {
  if (await send("/language", { language: event.currentTarget.dataset.language })) location.reload();
});

for (const face of document.querySelectorAll("button.face")) {
  face.addEventListener("click", async () => {
    const { recording, face: number } = face.dataset;
    if (!(await send("/recording/portrait", { id: recording, face: number }))) return;
    for (const other of face.parentElement.children) other.setAttribute("aria-pressed", other === face);
    say(face.dataset.chosen);
  });
}
