// A recording: notes at moments, the resting span, and what is known of it.
"use strict";

(() => {
  const video = document.getElementById("video");
  const clock = (time) => {
    const seconds = Math.floor(time);
    const two = (number) => String(number).padStart(2, "0");
    const minutes = Math.floor(seconds / 60);
    return minutes < 60
      ? `${two(minutes)}:${two(seconds % 60)}`
      : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(seconds % 60)}`;
  };

  const form = document.getElementById("note");
  const label = document.getElementById("note-label");
  const now = () => video?.currentTime ?? 0;
  const named = () => (label.textContent = filled(label.dataset.text, { time: clock(now()) }));
  video?.addEventListener("timeupdate", named);
  video?.addEventListener("error", () => {
    video.hidden = true;
    document.getElementById("unplayable").hidden = false;
  });
  form.elements.author.value = localStorage.getItem("author") ?? "";
  form.elements.note.addEventListener("focus", () => video?.pause());
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const { note, author } = form.elements;
    localStorage.setItem("author", author.value);
    const sent = { id: form.dataset.recording, time: String(now()), author: author.value, note: note.value };
    if (!(await send("/recording/note", sent))) return;
    sessionStorage.setItem("at", String(now()));
    location.reload();
  });
  for (const moment of document.querySelectorAll(".moment")) {
    moment.addEventListener("click", () => {
      if (!video) return;
      video.currentTime = Number(moment.dataset.time);
      video.scrollIntoView({ block: "nearest" });
    });
  }
  for (const button of document.querySelectorAll(".remove")) {
    button.addEventListener("click", async () => {
      const { time, author, note } = button.dataset;
      if (await send("/recording/note/remove", { id: form.dataset.recording, time, author, note })) location.reload();
    });
  }
  const before = sessionStorage.getItem("at");
  sessionStorage.removeItem("at");
  if (video && before) {
    const back = () => (video.currentTime = Number(before));
    if (video.readyState > 0) back();
    else video.addEventListener("loadedmetadata", back, { once: true });
  }

  const details = document.getElementById("details-form");
  if (!details) return;
  const known = () => Object.fromEntries(new FormData(details));
  let saved = known();
  const span = details.elements.neutral_span;
  const ends = () => (span.value.includes("-") ? span.value.split("-") : ["", ""]);
  const written = (time) => `${Math.floor(time / 60)}:${(time % 60).toFixed(1).padStart(4, "0")}`;
  document.getElementById("from")?.addEventListener("click", () => {
    span.value = `${written(now())}-${ends()[1] || written(now() + 6)}`;
  });
  document.getElementById("to")?.addEventListener("click", () => {
    span.value = `${ends()[0] || written(Math.max(0, now() - 6))}-${written(now())}`;
  });
  details.addEventListener("submit", async (event) => {
    event.preventDefault();
    const changed = Object.fromEntries(Object.entries(known()).filter(([name, value]) => value !== saved[name]));
    if (Object.keys(changed).length && !(await send("/recording/details", { id: details.dataset.recording, ...changed }))) return;
    saved = known();
    say(details.dataset.saved);
  });
})();
