"use strict";
// Keeps what is filled in, in this browser, and saves it as the CSV that `mlrbench agreement` reads. Sends nothing anywhere.
(() => {
  const store = "mlrbench-review-" + document.body.dataset.page;
  const columns = JSON.parse(document.body.dataset.columns);
  const reviewer = document.getElementById("reviewer");
  const told = document.getElementById("told");
  const works = [...document.querySelectorAll("section.work")];
  const fields = [reviewer, ...document.querySelectorAll("section.work [data-column]")];

  const cell = (text) => (/[",\r\n;]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text);
  const scores = (work) => [...work.querySelectorAll("input[data-column]")];
  const state = (work) => {
    const given = scores(work).filter((field) => field.value !== "").length;
    return given === 0 ? "empty" : given === scores(work).length ? "full" : "partial";
  };

  function keep() {
    try {
      localStorage.setItem(store, JSON.stringify(fields.map((field) => field.value)));
    } catch (error) { /* private windows have no storage: the page works without */ }
  }
  function restore() {
    try {
      const kept = JSON.parse(localStorage.getItem(store) || "[]");
      if (kept.length === fields.length) fields.forEach((field, index) => { field.value = kept[index]; });
    } catch (error) { /* as above */ }
  }
  function tell() {
    const count = (name) => works.filter((work) => state(work) === name).length;
    const bad = fields.filter((field) => !field.checkValidity()).length;
    told.textContent = count("full") + " of " + works.length + " reviewed"
      + (count("partial") ? ", " + count("partial") + " in part" : "") + (bad ? ", " + bad + " not on the scale" : "");
  }
  function save() {
    if (!reviewer.value.trim()) {
      told.textContent = "Who are you? Fill in a reviewer name first.";
      reviewer.focus();
      return;
    }
    const bad = fields.find((field) => !field.checkValidity());
    if (bad) {
      bad.reportValidity();
      bad.focus();
      return;
    }
    const lines = works.map((work) => {
      const row = JSON.parse(work.dataset.row);
      row.reviewer_id = reviewer.value.trim();
      for (const field of work.querySelectorAll("[data-column]")) row[field.dataset.column] = field.value;
      return columns.map((name) => cell(row[name] || "")).join(",");
    });
    const text = "\ufeff" + [columns.map(cell).join(","), ...lines].join("\r\n") + "\r\n";
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
    link.download = "reviews-" + reviewer.value.trim().replace(/[^\w-]+/g, "_") + ".csv";
    link.click();
    URL.revokeObjectURL(link.href);
  }

  restore();
  tell();
  document.addEventListener("input", () => { keep(); tell(); });
  document.getElementById("save").addEventListener("click", save);
})();
