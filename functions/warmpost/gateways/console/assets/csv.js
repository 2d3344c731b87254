"use strict";
// A CSV of any size: read as a stream, cut at row ends into pieces with the header repeated, sent one after another.
// A piece that is sent twice only gives duplicates.

const ROWS = 5000;
const drop = document.querySelector("[data-drop]");

/** Rows of a file, as text, each with the line it begins on; quotes may hold line ends. */
async function* rowsOf(file) {
  const decoder = new TextDecoder(await charsetOf(file));
  const reader = file.stream().getReader();
  let rest = "", at = 0, isQuoted = false, line = 1, lines = 0, read = 0;
  for (;;) {
    const { done, value } = await reader.read();
    read += value?.length ?? 0;
    rest += done ? decoder.decode() : decoder.decode(value, { stream: true });
    let start = 0;
    for (; at < rest.length; at++) {
      const sign = rest[at];
      if (sign === '"') isQuoted = !isQuoted;
      else if (sign === "\n") {
        lines++;
        if (!isQuoted) { yield { text: rest.slice(start, at + 1), line, read }; start = at + 1; line += lines; lines = 0; }
      }
    }
    rest = rest.slice(start);
    at -= start;
    if (done) break;
  }
  if (rest) yield { text: rest, line, read };
}

async function charsetOf(file) {
  const head = new Uint8Array(await file.slice(0, 65536).arrayBuffer());
  if (head[0] === 0xff && head[1] === 0xfe) return "utf-16le";
  if (head[0] === 0xfe && head[1] === 0xff) return "utf-16be";
  try { new TextDecoder("utf-8", { fatal: true }).decode(head.slice(0, head.length < 65536 ? head.length : 65000), { stream: true }); return "utf-8"; } catch { return "windows-1252"; }
}

async function* piecesOf(file) {
  let header = "", text = "", count = 0, first = 0, read = 0, sources = [];
  for await (const row of rowsOf(file)) {
    if (!header) { header = row.text.endsWith("\n") ? row.text : row.text + "\n"; if (!/^sep=/i.test(header.trim())) continue; header = ""; continue; }
    if (!row.text.trim()) continue;
    if (!count) first = row.line;
    text += row.text; sources.push(row); count++; read = row.read;
    if (count === ROWS) { yield { header, text, count, first, read, sources }; text = ""; count = 0; sources = []; }
  }
  if (count || header) yield { header, text, count, first, read: file.size, sources };
}

class Import {
  constructor(box) {
    this.box = box;
    this.words = JSON.parse(box.dataset.words);
    this.panel = box.querySelector("[data-progress]");
    this.bar = box.querySelector("progress");
    this.said = box.querySelector("[data-said]");
    this.button = box.querySelector("[data-stop]");
    this.button.addEventListener("click", () => { this.isStopped = !this.isStopped; this.button.textContent = this.isStopped ? this.words.go_on : this.words.stop; this.resume?.(); });
  }

  say(pattern, values) { this.said.textContent = pattern.replace(/\{(\w+)\}/g, (_, name) => Number(values[name]).toLocaleString("en")); }

  async run(file) {
    const sums = { added: 0, updated: 0, duplicates: 0, rejected: 0 };
    this.bad = []; this.header = ""; this.isStopped = false;
    this.panel.hidden = false; this.button.hidden = false;
    document.querySelector("[data-bad]").hidden = true;
    const begun = performance.now();
    let done = 0;
    for await (const piece of piecesOf(file)) {
      if (this.isStopped) { this.said.textContent = this.words.stopped; await new Promise((go) => (this.resume = go)); }
      const answer = await this.post(piece);
      if (answer.error) { this.said.textContent = `${this.words.failed} ${answer.error.message}`; this.panel.classList.add("bad"); return; }
      done += piece.count;
      for (const name of ["added", "updated", "duplicates"]) sums[name] += answer[name];
      sums.rejected += answer.rejected.length;
      this.header = piece.header;
      this.keep(piece, answer.rejected);
      this.bar.value = Math.min(100, (piece.read / file.size) * 100);
      this.say(this.words.rows, { done, rate: Math.round(done / Math.max((performance.now() - begun) / 1000, 0.001)) });
      const count = document.querySelector("[data-count]");
      if (count) count.textContent = answer.count.toLocaleString("en");
    }
    this.bar.value = 100; this.button.hidden = true;
    this.say(this.words.added, sums);
    const fresh = new DOMParser().parseFromString(await (await fetch(location.pathname)).text(), "text/html");
    for (const part of ["#rows-card", ".titles"]) document.querySelector(part)?.replaceWith(fresh.querySelector(part));
  }

  async post(piece) {
    const update = this.box.querySelector("[data-update]").checked;
    for (let attempt = 1; ; attempt++) {
      try {
        const response = await fetch(this.box.dataset.upload + (update ? "?update=true" : ""), { method: "POST", headers: { "Content-Type": "text/csv; charset=utf-8" }, body: piece.header + piece.text });
        if (response.status === 429 || response.status >= 500) throw new Error(String(response.status));
        if (response.status === 401) { location.reload(); }
        return await response.json();
      } catch (problem) {
        if (attempt === 5) return { error: { message: String(problem.message ?? problem) } };
        await new Promise((go) => setTimeout(go, 500 * 2 ** attempt));
      }
    }
  }

  /** Rejected rows with their line in the whole file, and as they stood there. */
  keep(piece, rejected) {
    if (!rejected.length) return;
    const headerLines = piece.header.split("\n").length - 1;
    const starts = new Map();
    let inPiece = headerLines + 1;
    for (const row of piece.sources) { starts.set(inPiece, row); inPiece += row.text.split("\n").length - 1; }
    const rows = document.querySelector("[data-bad-rows]");
    if (!this.bad.length) rows.replaceChildren();
    for (const one of rejected) {
      const source = starts.get(one.line);
      this.bad.push(source?.text ?? `${one.email}\n`);
      if (rows.children.length >= 200) continue;
      const row = rows.insertRow();
      for (const [text, style] of [[(source?.line ?? one.line).toLocaleString("en"), "n"], [one.email, "mono"], [one.reason, ""]]) { const cell = row.insertCell(); cell.textContent = text; cell.className = style; }
    }
    document.querySelector("[data-bad]").hidden = false;
  }

  download(event) {
    if (!this.bad?.length) return;
    event.preventDefault();
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([this.header, ...this.bad], { type: "text/csv" }));
    link.download = "rejected.csv";
    link.click();
  }
}

if (drop) {
  const work = new Import(drop);
  drop.hidden = false;
  drop.querySelector("[data-file]").addEventListener("change", (event) => { if (event.target.files[0]) work.run(event.target.files[0]); event.target.value = ""; });
  for (const name of ["dragover", "dragleave", "drop"]) drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.toggle("over", name === "dragover"); if (name === "drop" && event.dataTransfer.files[0]) work.run(event.dataTransfer.files[0]); });
  document.querySelector("[data-bad-file]")?.addEventListener("submit", (event) => work.download(event));
}
