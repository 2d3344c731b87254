"use strict";
// Without this script every link still works; with it the list stays fresh, messages open in place and keys do what they say.

const list = document.getElementById("list");
const pane = document.getElementById("message");
const search = document.querySelector(".search input");
const REFRESH_MS = 1500;
let tag = null;
let opening = 0;

const parameter = (name) => new URLSearchParams(location.search).get(name) || "";
const openId = () => (location.pathname.match(/^\/messages\/([^/]+)$/) || ["", ""])[1];
const rows = () => [...list.querySelectorAll("li a")];

async function refresh() {
  const open = decodeURIComponent(openId());
  const query = new URLSearchParams({ q: parameter("q"), cursor: parameter("cursor"), open });
  try {
    const answer = await fetch(`/list?${query}`, { headers: tag ? { "If-None-Match": tag } : {}, cache: "no-store" });
    document.body.classList.remove("stale");
    if (answer.status !== 200) return;
    const html = await answer.text();
    if (open !== decodeURIComponent(openId()) || query.get("q") !== parameter("q")) return;
    tag = answer.headers.get("ETag");
    const known = new Set(rows().map((row) => row.dataset.id));
    const focused = document.activeElement?.dataset?.id;
    list.innerHTML = html; // rendered and escaped by the server
    for (const row of rows()) {
      if (known.size && !known.has(row.dataset.id)) row.parentElement.classList.add("arrived");
      if (row.dataset.id === focused) row.focus({ preventScroll: true });
    }
  } catch {
    document.body.classList.add("stale");
  }
}

async function show(address, { push = true } = {}) {
  const turn = ++opening;
  const url = new URL(address, location.href);
  if (push) history.pushState(null, "", url);
  const id = openId();
  document.body.classList.toggle("reading", id !== "");
  mark();
  if (!id) {
    location.reload();
    return;
  }
  const answer = await fetch(`${url.pathname}/pane${url.search}`);
  const html = await answer.text();
  if (turn !== opening) return;
  pane.innerHTML = html; // rendered and escaped by the server
  pane.scrollTop = 0;
  const title = pane.querySelector("h1");
  document.title = `${title ? `${title.textContent} · ` : ""}Warmpost inbox`;
  tag = null;
}

function mark() {
  for (const row of rows()) {
    if (row.dataset.id === decodeURIComponent(openId())) row.setAttribute("aria-current", "true");
    else row.removeAttribute("aria-current");
  }
}

function step(by) {
  const all = rows();
  const at = all.findIndex((row) => row.hasAttribute("aria-current"));
  const next = all[at < 0 ? 0 : Math.min(Math.max(at + by, 0), all.length - 1)];
  if (!next) return;
  next.scrollIntoView({ block: "nearest" });
  next.focus({ preventScroll: true });
  show(next.href);
}

document.addEventListener("click", (event) => {
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
  const inPlace = event.target.closest("#list li a, .tabs a[data-view]");
  if (inPlace) {
    event.preventDefault();
    const url = new URL(inPlace.href);
    for (const name of ["q", "cursor"]) {
      url.searchParams.delete(name);
      if (parameter(name)) url.searchParams.set(name, parameter(name));
    }
    show(url);
  }
  const images = event.target.closest("#images");
  if (images) {
    document.getElementById("message").src = images.dataset.src;
    images.remove();
  }
});

document.getElementById("clear").addEventListener("click", async () => {
  if (!confirm("Remove every message from this inbox?")) return;
  await fetch("/api/messages", { method: "DELETE" });
  location.assign("/");
});

let typing;
search.addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(() => {
    const id = openId();
    const query = search.value ? `?${new URLSearchParams({ q: search.value })}` : "";
    history.replaceState(null, "", (id ? `/messages/${id}` : "/") + query);
    tag = null;
    refresh();
  }, 150);
});

document.addEventListener("keydown", (event) => {
  if (event.metaKey || event.ctrlKey || event.altKey) return;
  if (event.key === "Escape") {
    if (document.activeElement === search) search.blur();
    else if (openId()) pane.querySelector(".back")?.click();
    return;
  }
  if (event.target.matches("input, textarea")) return;
  if (event.key === "/") {
    event.preventDefault();
    search.select();
  } else if (event.key === "j") step(1);
  else if (event.key === "k") step(-1);
  else if ("1234".includes(event.key)) {
    const views = ["html", "text", "headers", "source"];
    pane.querySelector(`.tabs a[data-view="${views[Number(event.key) - 1]}"]`)?.click();
  }
});

addEventListener("popstate", () => show(location.href, { push: false }));
document.addEventListener("visibilitychange", () => document.hidden || refresh());
setInterval(() => document.hidden || refresh(), REFRESH_MS);
