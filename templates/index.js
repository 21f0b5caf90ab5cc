// The index: rows that match a search and a status stay.
"use strict";

(() => {
  const form = document.getElementById("filter");
  if (!form) return;
  const rows = [...document.querySelectorAll("tr[data-search]")];
  const shown = document.getElementById("shown");
  const plain = (text) => text.normalize("NFC").toLocaleLowerCase();

  function filter() {
    const words = plain(form.elements.search.value).split(/\s+/).filter(Boolean);
    const status = form.elements.status.value;
    let count = 0;
    for (const row of rows) {
      const fits =
        (!status || row.dataset.status === status) &&
        words.every((word) => row.dataset.search.includes(word));
      row.hidden = !fits;
      count += fits;
    }
    shown.textContent = shown.dataset.text.replace("{shown}", count).replace("{number}", rows.length);
  }

  for (const row of rows) row.dataset.search = plain(row.dataset.search);
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  filter();
})();
