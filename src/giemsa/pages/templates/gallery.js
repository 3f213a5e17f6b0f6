"use strict";
// Every name comes from hostile files: it enters the page as text alone, never as markup.
const data = JSON.parse(document.getElementById("data").textContent);
const CHUNK = 24, HANDFUL = 10, MORE = 200, COLUMNS = ["path", "decision", "label", "reviewer", "reason"];
const NEXT = { undefined: "keep", keep: "drop", drop: null };
const STORE = `giemsa duplicates ${data.fingerprint}`;
const at = (id) => document.getElementById(id);
const count = (n, one, many = `${one}s`) => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;

function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("aria-")) made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children);
  return made;
}

const groups = data.groups.map(([kind, conflict, junk, members], index) => ({
  index, kind, conflict, junk,
  members: members.map(([path, label, kept, reason, distance, similarity, picture]) => (
    { path, label, kept, reason: data.reasons[reason], distance, similarity, picture })),
}));
for (const group of groups) {
  group.text = group.members.map((m) => `${m.path}\n${m.label ?? ""}`).join("\n").toLowerCase();
  group.unlike = Math.min(...group.members.slice(0, 1000).map((m) => m.similarity));
}

// What the reviewer said, by path: {decision, label, reviewer, reason}.
const marks = new Map();

function remember() {
  try { localStorage.setItem(STORE, JSON.stringify([...marks])); } catch { /* private window: marks last as long as the page */ }
  tell();
}

function recall() {
  try { for (const [path, mark] of JSON.parse(localStorage.getItem(STORE) ?? "[]")) marks.set(path, mark); } catch { /* as above */ }
}

const KINDS = { exact: "exact copies", near: "near copies", label: "label likely wrong", odd: "odd" };
const SHOWN = {
  all: () => true,
  conflict: (g) => g.conflict,
  junk: (g) => g.junk,
  near: (g) => g.kind === "near",
  exact: (g) => g.kind === "exact",
  label: (g) => g.kind === "label",
  odd: (g) => g.kind === "odd",
  marked: (g) => g.members.some((m) => marks.has(m.path)),
};
const ORDERED = {
  look: (a, b) => a.index - b.index,
  largest: (a, b) => b.members.length - a.members.length || a.index - b.index,
  unlike: (a, b) => a.unlike - b.unlike || a.index - b.index,
  path: (a, b) => (a.members[0].path < b.members[0].path ? -1 : 1),
};

let listed = [];
let drawn = 0;

function list() {
  const words = at("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = SHOWN[at("show").value];
  listed = groups.filter((g) => shown(g) && words.every((word) => g.text.includes(word)));
  listed.sort(ORDERED[at("order").value]);
  drawn = 0;
  at("groups").replaceChildren();
  more();
  tell();
}

function more() {
  const next = listed.slice(drawn, drawn + CHUNK);
  at("groups").append(...next.map(article));
  drawn += next.length;
  return next.length > 0;
}

function tell(note = "") {
  const what = listed.length === groups.length ? count(groups.length, "group") : `${count(listed.length, "group")} of ${groups.length.toLocaleString("en")}`;
  at("status").textContent = [what, marks.size ? `${count(marks.size, "picture")} marked` : "", note].filter(Boolean).join(" · ");
}

function article(group) {
  const members = element("ul", { className: "members" });
  const made = element("article", { tabIndex: 0 }, heading(group), members);
  made.setAttribute("aria-label", `Group ${group.index + 1}, ${count(group.members.length, "picture")}`);
  made.group = group;
  const footer = element("footer");
  let shown = 0;
  const reveal = (amount) => {
    members.append(...group.members.slice(shown, shown + amount).map((m) => card(m, group)));
    shown = Math.min(shown + amount, group.members.length);
    footer.querySelector("button")?.remove();
    const left = group.members.length - shown;
    if (left) footer.append(element("button", { type: "button", onclick: () => reveal(MORE) }, `and ${left.toLocaleString("en")} more`));
  };
  reveal(HANDFUL);
  if (footer.childElementCount) made.append(footer);
  return made;
}

function heading(group) {
  const title = element("h2", {}, count(group.members.length, "picture"));
  const tag = (text, tone) => title.append(element("span", { className: `tag ${tone}` }, text));
  if (group.junk) tag("junk that repeats", "bad");
  if (group.conflict) tag(`conflict: ${[...new Set(group.members.map((m) => m.label ?? "no class"))].sort().join(", ")}`, "bad");
  tag(KINDS[group.kind], group.kind === "label" ? "bad" : "soft");
  if (!group.members.some((m) => m.kept)) title.append(element("span", { className: "soft" }, "none kept"));
  return title;
}

function card(member, group) {
  const picture = member.picture < 0
    ? element("div", { className: "blank" }, "no picture")
    : element("img", { src: data.pictures[member.picture], alt: member.label ?? "no class", loading: "lazy", decoding: "async" });
  const facts = group.members.length === 1 ? ""
    : member === group.members[0] ? "compared with the others"
    : `distance ${member.distance} of 64 bits, similarity ${member.similarity.toFixed(3)}`;
  const about = element("div", {},
    element("p", {}, element("b", {}, member.label ?? "no class"), " ", element("span", { className: member.kept ? "good" : "soft" }, member.kept ? "kept" : "dropped")),
    element("p", { className: "path" }, member.path),
    element("p", { className: "soft" }, facts),
    element("p", {}, member.reason),
    choice(member));
  return element("li", { className: `member${member.kept ? " kept" : ""}` }, picture, about);
}

function choice(member) {
  const buttons = ["keep", "drop"].map((decision) => element("button", {
    type: "button", onclick: () => set(marks.get(member.path)?.decision === decision ? null : decision),
    "aria-label": `${decision} ${member.path}`,
  }, decision === "keep" ? "Keep" : "Drop"));
  const field = (name, placeholder) => {
    const made = element("input", { placeholder, "aria-label": `${placeholder}, ${member.path}`, oninput: () => {
      marks.get(member.path)[name] = made.value.trim();
      remember();
    } });
    return made;
  };
  const label = field("label", "other class"), reason = field("reason", "why (optional)");
  label.setAttribute("list", "labels");
  const show = () => {
    const mark = marks.get(member.path);
    buttons.forEach((button, i) => button.setAttribute("aria-pressed", String(mark?.decision === ["keep", "drop"][i])));
    label.hidden = mark?.decision !== "keep";
    reason.hidden = !mark;
    label.value = mark?.label ?? "";
    reason.value = mark?.reason ?? "";
  };
  const set = (decision) => {
    if (decision) marks.set(member.path, { decision, label: "", reviewer: "", reason: marks.get(member.path)?.reason ?? "" });
    else marks.delete(member.path);
    show();
    remember();
  };
  show();
  const made = element("div", { className: "choice" }, ...buttons, label, reason);
  made.turn = () => set(NEXT[marks.get(member.path)?.decision]);
  return made;
}

function toCsv() {
  const quoted = (value) => `"${value.replaceAll('"', '""')}"`;
  const reviewer = at("reviewer").value.trim();
  const rows = [...marks].sort(([a], [b]) => (a < b ? -1 : 1)).map(([path, mark]) =>
    [path, mark.decision, mark.label, mark.reviewer || reviewer, mark.reason].map(quoted).join(","));
  return `${[COLUMNS.join(","), ...rows].join("\n")}\n`;
}

function fromCsv(text) {
  const rows = [];
  let row = [];
  for (const [, quoted, plain, end] of text.replace(/^\uFEFF/, "").matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/g)) {
    row.push(quoted?.replaceAll('""', '"') ?? plain);
    if (end === ",") continue;
    if (row.length > 1) rows.push(row);
    row = [];
  }
  return rows;
}

function save(event) {
  event.preventDefault();
  if (!marks.size) return tell("mark a picture first");
  if ([...marks.values()].some((mark) => !mark.reviewer) && !at("reviewer").value.trim()) {
    at("reviewer").focus();
    return tell("write your name first, so that others know who decided");
  }
  const link = element("a", { href: URL.createObjectURL(new Blob([toCsv()], { type: "text/csv" })), download: "decisions.csv" });
  link.click();
  URL.revokeObjectURL(link.href);
  return tell("decisions.csv saved: put it beside params.yaml");
}

async function open() {
  const [file] = at("open").files;
  at("open").value = "";
  if (!file) return;
  const [header, ...rows] = fromCsv(await file.text());
  if (!header || !COLUMNS.every((name) => header.includes(name))) return tell(`${file.name} is no decisions file: its columns are not ${COLUMNS.join(", ")}`);
  for (const row of rows) {
    const { path, ...mark } = Object.fromEntries(header.map((name, i) => [name, row[i] ?? ""]));
    if (["keep", "drop"].includes(mark.decision) && !marks.has(path)) marks.set(path, mark);
  }
  list();
  remember();
}

function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select")) return;
  const here = event.target.closest("article");
  if (event.key === "/") at("search").focus();
  else if (event.key === "j") go(here ? here.nextElementSibling : at("groups").firstElementChild);
  else if (event.key === "k") go(here?.previousElementSibling);
  else if (here && /^[1-9]$/.test(event.key)) here.querySelectorAll(".choice")[event.key - 1]?.turn();
  else return;
  event.preventDefault();
}

function go(to) {
  if (!to) return;
  if (!to.nextElementSibling) more();
  to.focus({ preventScroll: true });
  to.scrollIntoView({ block: "center" });
}

function start() {
  const labels = [...new Set(groups.flatMap((g) => g.members.map((m) => m.label)))].filter((label) => label !== null).sort();
  at("labels").append(...labels.map((value) => element("option", { value })));
  at("unreadable").addEventListener("toggle", (event) => {
    event.target.querySelector("ul").replaceChildren(...data.unreadable.map(([path, reason]) =>
      element("li", {}, element("span", { className: "path" }, path), `: ${reason}`)));
  }, { once: true });
  recall();
  for (const id of ["search", "show", "order"]) at(id).addEventListener("input", list);
  at("tools").addEventListener("submit", save);
  at("open").addEventListener("change", open);
  document.addEventListener("keydown", press);
  list();
  new IntersectionObserver((entries) => { if (entries[0].isIntersecting) while (more() && near()); }, { rootMargin: "1200px" }).observe(at("end"));
}

// A screen that a chunk does not fill never moves the end out of sight, so the observer would not call again.
const near = () => at("end").getBoundingClientRect().top < innerHeight + 1200;

start();
