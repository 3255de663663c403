/* Only what HTML and htmx cannot do. Everything works without it. */
(() => {
  "use strict";
  const each = (root, selector, act) => root.querySelectorAll(selector).forEach(act);

  /* Buttons for scripts are hidden in the HTML, so that they show only where they work. */
  const prepare = (root) => {
    if (navigator.clipboard) each(root, "[data-copy][hidden]", (button) => { button.hidden = false; });
    each(root, "[data-dismiss][hidden]", (button) => { button.hidden = false; });
    const summary = root.querySelector("[data-focus]");
    if (summary) summary.focus();
  };

  const copy = async (button) => {
    const source = document.getElementById(button.dataset.copy);
    if (!source) return;
    await navigator.clipboard.writeText(source.value ?? source.textContent.trim());
    const words = button.querySelector("[data-copy-words]") ?? button;
    const before = words.textContent;
    words.textContent = button.dataset.copied ?? "Copied";
    setTimeout(() => { words.textContent = before; }, 2000);
  };

  /* A toast leaves, but never while pointed at or focused. */
  each(document, "[data-leaves]", (note) => {
    let left = note.dataset.leaves;
    setInterval(() => {
      if (!document.hidden && !note.matches(":hover, :focus-within") && --left < 0) note.remove();
    }, 1000);
  });

  const closeMenus = (except) => each(document, "details.menu[open]", (menu) => {
    if (menu !== except) menu.open = false;
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    if (button) copy(button);
    event.target.closest("[data-dismiss]")?.closest(".flash").remove();
    closeMenus(event.target.closest("details.menu"));
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const open = document.querySelector("details.menu[open]");
    if (open) { open.open = false; open.querySelector("summary").focus(); }
  });

  /* Find: Ctrl-K opens the dialog, arrows go through what was found, Enter opens the first. */
  const finder = document.getElementById("find");
  const toggleFinder = () => {
    if (finder.open) { finder.close(); return; }
    finder.showModal();
    finder.querySelector("input").select();
    window.htmx?.trigger(finder.querySelector("form"), "submit");
  };
  document.addEventListener("keydown", (event) => {
    if (finder && event.key === "k" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); toggleFinder(); return; }
    const form = event.target.closest?.(".find-form, .found")?.parentElement;
    const links = form ? [...form.querySelectorAll(".found a")] : [];
    /* Only what was found for these very words; otherwise Enter asks for it. */
    const known = () => form.querySelector(".found").dataset.words === event.target.value.trim().replace(/\s+/g, " ");
    if (event.key === "Enter" && event.target.id === "find-words" && links.length && known()) { event.preventDefault(); links[0].click(); }
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || !links.length) return;
    event.preventDefault();
    const next = links.indexOf(event.target) + step;
    (links[next] ?? form.querySelector("input")).focus();
  });
  finder?.addEventListener("click", (event) => { if (event.target === finder) finder.close(); });
  if (finder) document.querySelector(".side .nav a[href$='/find']")?.addEventListener("click", (event) => {
    event.preventDefault();
    toggleFinder();
  });

  /* Ignores repeated submits; the server is idempotent anyway. */
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.method !== "post") return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "1";
    form.setAttribute("aria-busy", "true");
  });
  window.addEventListener("pageshow", () => each(document, "form[data-sent]", (form) => {
    delete form.dataset.sent;
    form.removeAttribute("aria-busy");
  }));

  /* Stops polling while the page is hidden or reduced data is on; fetches at once on return. */
  const saving = () => navigator.connection?.saveData === true;
  document.addEventListener("htmx:beforeRequest", (event) => {
    const asked = event.detail.requestConfig.triggeringEvent?.type === "click";
    if (event.detail.elt.matches("[data-poll]") && !asked && (document.hidden || saving())) event.preventDefault();
  });
  /* What loads is busy; a failure is said until it loads. */
  const lost = document.getElementById("not-loaded") ?? {};
  document.addEventListener("htmx:beforeSend", (event) => { event.detail.target.ariaBusy = "true"; });
  document.addEventListener("htmx:afterRequest", (event) => {
    event.detail.target.ariaBusy = null;
    if (event.detail.successful) lost.hidden = true;
  });
  ["responseError", "sendError", "timeout"].forEach((name) => document.addEventListener(`htmx:${name}`, () => { lost.hidden = false; }));
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && window.htmx) each(document, "[data-poll]", (el) => window.htmx.trigger(el, "shown"));
  });

  /* Announces a sentence only when it changes; figures that update by themselves are not announced. */
  const sentence = () => document.querySelector("[data-announce]")?.textContent.trim() ?? "";
  let said = sentence();
  const announce = () => {
    const words = sentence();
    if (words && words !== said) document.getElementById("live").textContent = words;
    said = words;
  };

  document.addEventListener("htmx:afterSettle", (event) => { prepare(event.detail.elt); announce(); });
  prepare(document);
})();
