// The live half of the page: forms without a new page, and what changed as it happens. Without it everything works, one
// page at a time.
"use strict";

// Times of this machine.
function times(root) {
  const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
  for (const time of root.querySelectorAll("time")) {
    const at = new Date(time.dateTime);
    if (!Number.isNaN(at.getTime())) time.textContent = clock.format(at);
  }
}

// Makes `old` what `fresh` is and touches only what differs: focus, typed words, open details and scrolling stay.
function become(old, fresh) {
  if (old.isEqualNode(fresh) || old.dataset?.own !== undefined) return;
  if (old.nodeType === Node.TEXT_NODE) { old.data = fresh.data; return; }
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && name !== "open") old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  if (old.type === "radio") old.checked = fresh.hasAttribute("checked");
  const named = new Map([...old.children].filter((c) => c.id).map((c) => [c.id, c]));
  let at = old.firstChild;
  for (const next of [...fresh.childNodes]) {
    const twin = next.id ? named.get(next.id) : at;
    const same = twin && twin.nodeType === next.nodeType && twin.nodeName === next.nodeName && (twin.id || "") === (next.id || "");
    if (!same) { old.insertBefore(next, at); continue; }
    if (twin !== at) old.insertBefore(twin, at); else at = at.nextSibling;
    become(twin, next);
  }
  while (at) { const gone = at; at = at.nextSibling; gone.remove(); }
}

let looking = false, again = false, later = 0;

async function refresh() {
  if (looking) { again = true; return; }
  looking = true;
  clearTimeout(later);
  try {
    const answer = await fetch(location.pathname + location.search);
    if (answer.ok) show(new DOMParser().parseFromString(await answer.text(), "text/html"));
  } catch { /* Martlet is gone for the moment; the next change brings the page back. */ }
  looking = false;
  if (again) { again = false; refresh(); }
}

function show(fresh) {
  times(fresh);
  const logs = [...document.querySelectorAll(".texts")];
  const below = new Set(logs.filter((log) => log.scrollHeight - log.scrollTop - log.clientHeight < 40).map((log) => log.closest("article").id));
  const had = new Set([...document.querySelectorAll("[id]")].map((node) => node.id));
  for (const id of ["phone-list", "thread-list"]) become(document.getElementById(id), fresh.getElementById(id));
  for (const node of document.querySelectorAll(".texts > li, .letter")) node.classList.toggle("new", node.classList.contains("new") || !had.has(node.id));
  for (const log of document.querySelectorAll(".texts")) if (!had.has(log.closest("article").id) || below.has(log.closest("article").id)) log.scrollTop = log.scrollHeight;
  // What is still under way may end without a word to this page.
  if (document.getElementById("thread-list").dataset.open !== undefined) later = setTimeout(refresh, 1500);
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  event.preventDefault();
  const said = form.querySelector("[role=alert]");
  const sent = [...form.querySelectorAll("[data-clear]")].map((field) => [field, field.value]);
  try {
    const answer = await fetch(form.getAttribute("action"), {
      method: "POST",
      headers: { Accept: "text/plain" },
      body: new URLSearchParams(new FormData(form, event.submitter)),
    });
    said.textContent = answer.ok ? "" : await answer.text();
    // What was typed meanwhile stays.
    if (answer.ok) for (const [field, words] of sent) if (field.value === words) field.value = "";
  } catch {
    said.textContent = "Martlet does not answer. Is it running?";
  }
  refresh();
});

document.addEventListener("change", (event) => {
  if (event.target.dataset.now !== undefined) event.target.form.requestSubmit();
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.tagName === "TEXTAREA") event.target.form.requestSubmit();
});

for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    button.textContent = "Copied";
  });
}

document.documentElement.classList.add("live");
times(document);
for (const log of document.querySelectorAll(".texts")) log.scrollTop = log.scrollHeight;
const source = new EventSource("/changes");
source.onopen = refresh;
source.onmessage = refresh;
