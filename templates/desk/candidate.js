// A candidate: the handout is made, and the person removed for good once the name was written.
"use strict";

const wordsOf = (id) => JSON.parse(document.getElementById(id).textContent);

// A heading and what it names; nothing where there is nothing to name.
function list(title, items) {
  if (!items.length) return [];
  const [heading, all] = [document.createElement("p"), document.createElement("ul")];
  heading.textContent = title;
  all.append(
    ...items.map((text) => {
      const item = document.createElement("li");
      item.textContent = text;
      return item;
    }),
  );
  return title ? [heading, all] : [all];
}

(() => {
  const form = document.getElementById("handout-form");
  if (!form) return;
  const words = wordsOf("handout-words");
  const [button, place] = [form.querySelector("button"), document.getElementById("handed")];
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    say(form.dataset.working);
    const made = await send("/candidate/handout", { id: form.dataset.id, language: form.elements.language.value });
    button.disabled = false;
    if (!made) return;
    place.replaceChildren(
      ...list(words.done, [made.path]),
      ...list(words.missing, made.missing),
      ...list("", made.no_pdf ? [made.no_pdf] : []),
    );
    place.hidden = false;
    say("");
    place.focus();
  });
})();

(() => {
  const form = document.getElementById("purge-form");
  if (!form) return;
  const words = wordsOf("purged-words");
  const button = form.querySelector("button");
  const plain = (text) => text.normalize("NFC").trim();
  form.addEventListener("input", () => {
    button.disabled = plain(form.elements.name.value) !== plain(form.dataset.name);
  });

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    say(form.dataset.working);
    const done = await send("/candidate/purge", { id: form.dataset.id });
    if (!done) {
      button.disabled = false;
      return;
    }
    const place = document.getElementById("purged");
    const title = document.createElement("h3");
    title.textContent = words.title;
    const searched = document.createElement("p");
    searched.textContent = `${done.searched} ${done.found.length ? "" : words.clean}`;
    place.append(
      title,
      ...list("", done.gone),
      searched,
      ...list(words.found, done.found),
      ...list(words.remaining, done.remaining),
      ...list(words.unsearchable, done.unsearchable),
      ...list(words.problem, done.problem ? [done.problem] : []),
    );
    for (const over of [form, ...document.querySelectorAll(".until-removed")]) over.hidden = true;
    place.hidden = false;
    say("");
    place.focus();
  });
})();
