"use strict";
// Without this script every page still works; with it progress stays fresh, the preview follows the typing, and things can be copied.

addEventListener("keydown", (event) => {
  if (event.key === "/" && !/^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement?.tagName)) {
    event.preventDefault();
    document.querySelector(".top .find input")?.focus();
  }
});

addEventListener("click", async (event) => {
  const copy = event.target.closest("[data-copy]");
  if (copy) {
    const words = copy.textContent;
    await navigator.clipboard.writeText(copy.dataset.copy);
    copy.textContent = copy.dataset.copied;
    setTimeout(() => (copy.textContent = words), 1500);
  }
  const chip = event.target.closest("[data-insert]");
  if (chip) {
    const area = document.querySelector(".code textarea");
    area.setRangeText(chip.dataset.insert, area.selectionStart, area.selectionEnd, "end");
    area.focus();
    area.dispatchEvent(new Event("input", { bubbles: true }));
  }
  const width = event.target.closest("[data-width]");
  if (width) {
    document.querySelector(".stage").classList.toggle("phone", width.dataset.width === "phone");
    for (const button of width.parentElement.children) button.setAttribute("aria-pressed", button === width);
  }
  for (const open of document.querySelectorAll("details.ask[open]")) if (!open.contains(event.target)) open.open = false;
});

addEventListener("keydown", (event) => {
  if (event.key === "Escape") for (const open of document.querySelectorAll("details.ask[open]")) { open.open = false; open.querySelector("summary").focus(); }
});

// A form goes once, however often its button is pressed; coming back by the browser's button, it can go again.
addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || (event.submitter?.formTarget || form.target)) return;
  if (form.dataset.sent) return event.preventDefault();
  form.dataset.sent = "yes";
  form.setAttribute("aria-busy", "true");
});
addEventListener("pageshow", () => { for (const form of document.querySelectorAll("form[data-sent]")) { delete form.dataset.sent; form.removeAttribute("aria-busy"); } });

// Nobody looks at a hidden tab, so it asks nothing; what stands by itself in a page is asked for once.
document.addEventListener("htmx:before:request", (event) => { if (document.hidden && event.target.matches?.("[data-live]")) event.preventDefault(); });

// A link that signs in carries the key behind the #, which browsers send to nobody.
const door = document.querySelector("form[data-sign-in]");
if (door && location.hash.startsWith("#key=")) {
  door.elements._key.value = decodeURIComponent(location.hash.slice(5));
  history.replaceState(null, "", location.pathname + location.search);
  door.requestSubmit();
}

// The editor: a textarea on top of its own coloured copy.
const area = document.querySelector(".code textarea");
if (area) {
  const copy = document.querySelector(".code pre"), gutter = document.querySelector(".code .gutter"), form = area.form;
  const token = /(\{#[\s\S]*?#\}|<!--[\s\S]*?-->)|(\{%[\s\S]*?%\})|(\{\{[\s\S]*?\}\})|(?<==)("[^"]*")|(<\/?[a-zA-Z][\w-]*|\/?>)/g;
  const wrongLine = Number(area.dataset.line || 0);
  const paint = () => {
    const parts = [];
    let last = 0;
    for (const match of area.value.matchAll(token)) {
      parts.push(area.value.slice(last, match.index));
      const span = document.createElement("span");
      span.className = match[1] ? "c" : match[2] ? "b" : match[3] ? "v" : match[4] ? "s" : "t";
      span.textContent = match[0];
      parts.push(span);
      last = match.index + match[0].length;
    }
    copy.replaceChildren(...parts, area.value.slice(last) + "\n");
    gutter.replaceChildren(...area.value.split("\n").map((_, index) => {
      const line = document.createElement("span");
      line.textContent = index + 1;
      if (index + 1 === wrongLine) line.className = "wrong";
      return line;
    }));
  };
  const show = () => {
    const [action, target] = [form.action, form.target];
    const look = document.createElement("button");
    look.formAction = form.dataset.preview;
    look.formTarget = "preview";
    look.formNoValidate = true;
    look.hidden = true;
    form.append(look);
    form.requestSubmit(look);
    look.remove();
    [form.action, form.target] = [action, target];
  };
  let wait;
  const later = () => { clearTimeout(wait); wait = setTimeout(show, 400); };
  let isChanged = false;
  for (const field of form.elements) field.addEventListener("input", () => {
    if (field === area) paint();
    if (["html", "text", "subject", "name"].includes(field.name)) { isChanged = true; document.querySelector("[data-changed]").hidden = false; }
    later();
  });
  form.addEventListener("submit", (event) => { if (!event.submitter?.formTarget) isChanged = false; });
  addEventListener("beforeunload", (event) => { if (isChanged) event.preventDefault(); });
  paint();
  show();
}
