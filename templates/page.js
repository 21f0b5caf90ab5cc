// What all pages share: tables that sort, and paper without links to other files.
"use strict";

// A column sorts when its heading has data-sort; a cell may give its value in data-value.
for (const table of document.querySelectorAll("table.sortable")) {
  const order = new Intl.Collator(document.documentElement.lang, { numeric: true });
  const headings = [...table.tHead.rows[0].cells];
  const valueOf = (row, column) => row.cells[column].dataset.value ?? row.cells[column].textContent.trim();
  headings.forEach((heading, column) => {
    if (!("sort" in heading.dataset)) return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const falling = heading.getAttribute("aria-sort") === "ascending";
      for (const other of headings) other.removeAttribute("aria-sort");
      heading.setAttribute("aria-sort", falling ? "descending" : "ascending");
      const rows = [...table.tBodies[0].rows];
      rows.sort((a, b) => order.compare(valueOf(a, column), valueOf(b, column)) * (falling ? -1 : 1));
      table.tBodies[0].append(...rows);
    });
  });
}

// On paper, and in a PDF, a link to another file leads nowhere: it would name a place of this machine.
addEventListener("beforeprint", () => {
  for (const link of document.querySelectorAll("a[href]")) {
    if (link.getAttribute("href").startsWith("#")) continue;
    link.dataset.href = link.getAttribute("href");
    link.removeAttribute("href");
  }
});
addEventListener("afterprint", () => {
  for (const link of document.querySelectorAll("a[data-href]")) link.href = link.dataset.href;
});
