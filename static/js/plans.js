/* The slider of /plans: shows a row of the table of costs, which the server has priced. Without it, a form asks for one. */
(() => {
  "use strict";
  const range = document.getElementById("costs-range");
  const table = document.getElementById("costs-table");
  if (!range || !table) return;
  const rows = table.tBodies[0].rows;
  const form = range.form;
  const plans = [...form.querySelectorAll(".costs-now li")];
  const mark = [...form.querySelectorAll(".chart-mark")].pop();
  const words = (row, plan, i) => `${plan.querySelector("span").textContent} ${row.cells[i + 1].textContent}`;

  const say = (row) => range.setAttribute(
    "aria-valuetext", `${row.cells[0].textContent}: ${plans.map((plan, i) => words(row, plan, i)).join(", ")}`);

  const show = () => {
    const row = rows[range.value];
    const x = `${(100 * range.value) / range.max}%`;
    mark.setAttribute("x1", x);
    mark.setAttribute("x2", x);
    form.elements.usage.value = row.cells[0].textContent;
    plans.forEach((plan, i) => {
      plan.querySelector("strong").textContent = row.cells[i + 1].textContent;
      plan.classList.toggle("is-best", row.dataset.best === String(i));
    });
    say(row);
  };

  range.closest("[hidden]").hidden = false;
  say(rows[range.value]);
  range.addEventListener("input", show);
})();
