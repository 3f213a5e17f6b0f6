// The page: send images in small batches, show what the model says, and let a person correct it.
"use strict";

const BATCH = 16;
const SIDE_BY_SIDE = 2;
const UNSURE = 0.8;
const $ = (id) => document.getElementById(id);
let classes = [];
let cells = []; // {file, order, path, row, node, corrected}
let placed = 0; // batches answer in any order, cells stand in the files' order
let missed = []; // files that a failed request left unjudged
let round = 0; // counts how often one started anew: answers of an earlier round come too late
let locked = false; // a token was asked for, and not given
let token = sessionStorage.getItem("token") || "";

async function ask(path, options = {}) {
  for (;;) {
    const headers = token ? { authorization: `Bearer ${token}` } : {};
    const answer = await fetch(path, { ...options, headers });
    if (answer.status === 401) {
      token = prompt("This server asks for a token:") || "";
      locked = !token;
      if (locked) throw new Error("A token is needed.");
      sessionStorage.setItem("token", token);
    } else if (answer.status === 429) {
      await new Promise((done) => setTimeout(done, 1000));
    } else if (!answer.ok) {
      throw new Error((await answer.json()).detail);
    } else {
      return answer;
    }
  }
}

async function meet() {
  const facts = await (await ask("/healthz")).json();
  classes = facts.classes;
  $("model").textContent = `${facts.model} answers, trained on data ${facts.data.slice(0, 12)}.`;
  $("drawn").hidden = !facts.drawn;
  for (const name of classes) $("filter").add(new Option(name, `class:${name}`));
}

async function judge(files) {
  const fresh = [...files].filter((file) => /\.(jpe?g|png|tiff?|bmp|webp)$/i.test(file.name));
  if (!fresh.length) {
    $("status").textContent = "There is no JPEG, PNG, TIFF, BMP or WebP image among these.";
    return;
  }
  const batches = [];
  for (let at = 0; at < fresh.length; at += BATCH) {
    const place = document.createComment("");
    $("grid").append(place);
    batches.push({ files: fresh.slice(at, at + BATCH), place, order: placed + at });
  }
  placed += fresh.length;
  let done = 0;
  let why = "";
  const mine = round;
  locked = false;
  for (const id of ["results", "progress"]) $(id).hidden = false;
  $("again").hidden = true;
  const worker = async () => {
    for (let batch = batches.shift(); batch; batch = batches.shift()) {
      try {
        if (locked) throw new Error(why);
        await send(batch, mine);
        done += batch.files.length;
      } catch (error) {
        why = error.message;
        batch.place.remove();
        if (mine === round) missed.push(...batch.files);
      }
      if (mine !== round) return;
      $("progress").value = done / fresh.length;
      $("status").textContent = `${done} of ${fresh.length} images judged.`;
      summarize();
    }
  };
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, worker));
  if (mine !== round) return;
  if (done < fresh.length) $("status").textContent += ` ${fresh.length - done} could not be: ${why}`;
  $("again").hidden = !missed.length;
  $("progress").hidden = true;
}

async function send(batch, mine) {
  const form = new FormData();
  for (const file of batch.files) form.append("files", file, file.webkitRelativePath || file.name);
  const rows = await (await ask("/predict", { method: "POST", body: form })).json();
  if (mine !== round) return;
  const nodes = document.createDocumentFragment();
  rows.forEach((row, index) => {
    const cell = { file: batch.files[index], order: batch.order + index, path: row.path, row, corrected: "" };
    cell.node = draw(cell);
    cells.push(cell);
    nodes.append(cell.node);
  });
  batch.place.replaceWith(nodes);
  cells.sort((one, other) => one.order - other.order);
}

function draw(cell) {
  const node = $("cell").content.cloneNode(true).firstElementChild;
  const find = (selector) => node.querySelector(selector);
  const { row } = cell;
  cell.url = URL.createObjectURL(cell.file);
  find("img").src = cell.url;
  find("img").alt = `Image ${cell.path}`;
  find(".path").textContent = cell.path;
  const sure = row.confidence === null ? "" : ` ${(100 * row.confidence).toFixed(1)}%`;
  find(".label").textContent = row.rejected ? `Rejected${row.label ? ` (nearest: ${row.label}${sure})` : ""}` : row.label + sure;
  find("meter").value = row.confidence || 0;
  find("meter").setAttribute("aria-label", "Confidence");
  find("meter").hidden = row.confidence === null;
  find(".reason").textContent = row.reason;
  find(".heat").hidden = row.confidence === null;
  find(".heat").addEventListener("click", (event) => heat(cell, event.currentTarget));
  const select = find("select");
  select.append(new Option("…", ""), ...classes.map((name) => new Option(name, name)));
  select.addEventListener("change", () => correct(cell, select.value));
  find(".fix").hidden = row.confidence === null;
  node.hidden = !shown(cell);
  return node;
}

async function heat(cell, button) {
  const image = cell.node.querySelector("img");
  const on = button.getAttribute("aria-pressed") === "true";
  if (!on && !cell.heat) {
    button.disabled = true;
    try {
      const form = new FormData();
      form.append("file", cell.file);
      cell.heat = URL.createObjectURL(await (await ask("/explain", { method: "POST", body: form })).blob());
    } catch (error) {
      tell(cell, error.message, true);
      return;
    } finally {
      button.disabled = false;
    }
  }
  button.setAttribute("aria-pressed", String(!on));
  image.src = on ? cell.url : cell.heat;
}

async function correct(cell, label) {
  if (!label) return;
  const who = $("who").value.trim();
  if (!who) {
    tell(cell, "Fill in your name first.", true);
    cell.node.querySelector("select").value = "";
    $("who").focus();
    return;
  }
  localStorage.setItem("who", who);
  const form = new FormData();
  form.append("file", cell.file, cell.path);
  form.append("label", label);
  form.append("who", who);
  try {
    await ask("/corrections", { method: "POST", body: form });
    cell.corrected = label;
    tell(cell, `Kept as ${label} for the next training.`, false);
  } catch (error) {
    tell(cell, error.message, true);
  }
}

function tell(cell, text, bad) {
  const node = cell.node.querySelector(".done");
  node.textContent = text;
  node.classList.toggle("bad", bad);
}

function summarize() {
  const accepted = cells.filter((cell) => !cell.row.rejected);
  const body = $("count").tBodies[0];
  body.replaceChildren();
  for (const name of classes) {
    const count = accepted.filter((cell) => cell.row.label === name).length;
    const share = accepted.reduce((sum, cell) => sum + cell.row[`p_${name}`], 0) / (accepted.length || 1);
    const [low, high] = wilson(share, accepted.length);
    line(body, [name, count, percent(share), `${percent(low)} – ${percent(high)}`]);
  }
  line(body, ["accepted", accepted.length, "", ""]);
  line(body, ["rejected", cells.length - accepted.length, "", ""]);
}

function line(body, values) {
  const row = body.insertRow();
  values.forEach((value, index) => {
    const cell = document.createElement(index ? "td" : "th");
    if (index) cell.className = "n";
    else cell.scope = "row";
    cell.textContent = value;
    row.append(cell);
  });
}

// Wilson (1927): unlike the textbook interval it holds for shares near 0 and for few cells.
function wilson(share, n) {
  if (!n) return [0, 1];
  const z = 1.959964;
  const centre = share + (z * z) / (2 * n);
  const reach = z * Math.sqrt((share * (1 - share)) / n + (z * z) / (4 * n * n));
  const all = 1 + (z * z) / n;
  return [Math.max(0, (centre - reach) / all), Math.min(1, (centre + reach) / all)];
}

const percent = (share) => `${(100 * share).toFixed(1)}%`;

function shown(cell) {
  const wanted = $("filter").value;
  if (wanted === "rejected") return cell.row.rejected;
  if (wanted === "unsure") return cell.row.confidence !== null && cell.row.confidence < UNSURE;
  return !wanted || (!cell.row.rejected && cell.row.label === wanted.slice("class:".length));
}

function download() {
  const columns = ["path", "label", "confidence", "rejected", "reason", ...classes.map((name) => `p_${name}`)];
  const quoted = (value) => `"${String(value ?? "").replaceAll('"', '""')}"`;
  const lines = cells.map((cell) => [...columns.map((name) => cell.row[name]), cell.corrected].map(quoted).join(","));
  const text = [[...columns, "corrected"].join(","), ...lines, ""].join("\n");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.download = "cells.csv";
  link.click();
  URL.revokeObjectURL(link.href);
}

function clear() {
  for (const cell of cells) {
    URL.revokeObjectURL(cell.url);
    if (cell.heat) URL.revokeObjectURL(cell.heat);
  }
  cells = [];
  missed = [];
  round += 1;
  $("grid").replaceChildren();
  for (const id of ["results", "again", "progress"]) $(id).hidden = true;
  $("status").textContent = "";
}

async function dropped(items) {
  const files = [];
  const walk = async (entry) => {
    if (entry.isFile) {
      files.push(await new Promise((done, failed) => entry.file(done, failed)));
    } else {
      const reader = entry.createReader();
      for (;;) {
        const some = await new Promise((done, failed) => reader.readEntries(done, failed));
        if (!some.length) return;
        for (const one of some) await walk(one);
      }
    }
  };
  for (const entry of [...items].map((item) => item.webkitGetAsEntry()).filter(Boolean)) await walk(entry);
  await judge(files);
}

for (const id of ["images", "folder"]) {
  $(id).addEventListener("change", (event) => {
    judge([...event.target.files]);
    event.target.value = ""; // else choosing the same files again would change nothing
  });
}
$("again").addEventListener("click", () => judge(missed.splice(0)));
$("filter").addEventListener("change", () => cells.forEach((cell) => (cell.node.hidden = !shown(cell))));
$("download").addEventListener("click", download);
$("clear").addEventListener("click", clear);
$("who").value = localStorage.getItem("who") || "";
addEventListener("dragover", (event) => {
  event.preventDefault();
  $("drop").classList.add("over");
});
addEventListener("dragleave", () => $("drop").classList.remove("over"));
addEventListener("drop", (event) => {
  event.preventDefault();
  $("drop").classList.remove("over");
  dropped(event.dataTransfer.items);
});
meet().catch((error) => ($("model").textContent = error.message));
