// The chat page's behaviour: forms become orders to /sim/…, and what changed on the server is drawn anew. Without it the page can be read.
"use strict";

const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

function toast(text, wrong) {
  const t = $("#toast");
  t.textContent = text;
  t.classList.toggle("wrong", Boolean(wrong));
  t.hidden = false;
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => { t.hidden = true; }, wrong ? 8000 : 4000);
}

async function order(method, path, body) {
  const answer = await fetch(path, { method, headers: body && { "Content-Type": "application/json" }, body: body && JSON.stringify(body) });
  const result = await answer.json();
  if (!answer.ok) throw new Error(result.error || answer.statusText);
  return result;
}

// fields reads a form as the order's JSON. Empty ones are left out.
function fields(form) {
  const body = {};
  for (const field of form.elements) {
    if (!field.name || field.value === "" || (field.type === "checkbox" && !field.checked)) continue;
    let value = field.value;
    if ("seconds" in field.dataset) value = Math.round(Number(value) * 1e9);
    else if ("number" in field.dataset) value = Number(value);
    if ("list" in field.dataset) (body[field.name] ||= []).push(value);
    else body[field.name] = value;
  }
  return body;
}

const place = (person, chat) => "/?p=" + person + "." + chat;

async function submit(form) {
  const d = form.dataset;
  if (d.ask && !confirm(d.ask)) return;
  if (d.open === "person") {
    const person = await order("POST", "/sim/users", { name: form.elements.name.value });
    await order("POST", `/sim/users/${person.id}/open`, { link: d.link });
    location.assign(place(person.id, person.id) + d.at);
    return;
  }
  if (d.open === "group") {
    const group = form.elements.group.value, person = form.elements.user_id.value;
    await order("POST", `/sim/groups/${group}/open`, { link: d.link, user_id: Number(person) });
    location.assign(place(person, group));
    return;
  }
  if ("link" in d) {
    const link = new URL(form.elements.link.value, location.href);
    location.assign(link.pathname + link.search);
    return;
  }
  if (d.delete) await order("DELETE", d.delete);
  else {
    const result = await order("POST", d.post, fields(form));
    if (d.done === "open") { location.assign(place(result.id, result.id)); return; }
    if (d.done === "reset") form.reset();
  }
  form.closest("details.menu")?.removeAttribute("open");
  refresh();
}

async function press(button) {
  const d = button.dataset;
  const result = await order("POST", d.press, { chat_id: Number(d.chat), message_id: Number(d.message), data: d.callback });
  for (let i = 0; result.callback_query_id && i < 50; i++) {
    const answer = await order("GET", "/sim/presses/" + result.callback_query_id);
    if (answer.answered) {
      if (answer.show_alert) { $("#alert-text").textContent = answer.text; $("#alert").showModal(); }
      else if (answer.text) toast(answer.text);
      return;
    }
    await new Promise((done) => setTimeout(done, 100));
  }
}

const guarded = (act) => act.catch((wrong) => toast(wrong.message, true));

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method === "dialog") return;
  event.preventDefault();
  guarded(submit(form));
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.press) guarded(press(button));
  else if ("copy" in button.dataset) guarded(navigator.clipboard.writeText(button.dataset.copy).then(() => toast("Copied")));
  else if (button.dataset.type) {
    const input = document.getElementById(button.dataset.into);
    input.value = button.dataset.type;
    button.closest("details").removeAttribute("open");
    input.focus();
  }
});

// A menu closes by Escape and by a click elsewhere.
const menus = () => $$("details.menu[open], details.commands[open]");
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of menus()) { menu.removeAttribute("open"); $("summary", menu).focus(); }
});
document.addEventListener("click", (event) => { for (const menu of menus()) if (!menu.contains(event.target)) menu.removeAttribute("open"); });

// atEnd tells whether a list shows its newest message: then it goes on doing so.
const atEnd = (list) => list.scrollHeight - list.scrollTop - list.clientHeight < 60;
const toEnd = (list) => { list.scrollTop = list.scrollHeight; };

// redraw takes over the messages that are new or changed, and leaves the others alone, with what is uncovered or has the focus in them.
function redraw(list, fresh) {
  const follow = atEnd(list);
  const known = new Map([...list.children].map((li) => [li.id, li]));
  let at = null;
  for (const li of [...fresh.children]) {
    let own = known.get(li.id);
    known.delete(li.id);
    if (!own || own.outerHTML !== li.outerHTML) {
      own?.remove();
      own = li;
    }
    if (own.previousElementSibling !== at || own.parentNode !== list) list.insertBefore(own, at ? at.nextSibling : list.firstChild);
    at = own;
  }
  for (const gone of known.values()) gone.remove();
  if (follow) toEnd(list);
}

function take(fresh) {
  for (const old of $$("[data-live], [data-list]")) {
    const now = fresh.getElementById(old.id);
    if (!now) continue;
    if ("list" in old.dataset && old.matches("ol")) redraw(old, now);
    else if (old.dataset.live === "state" ? old.dataset.state !== now.dataset.state : old.outerHTML !== now.outerHTML && !old.contains(document.activeElement?.matches("input") ? document.activeElement : null)) old.replaceWith(now);
  }
}

let drawing = false, stale = false;
async function refresh() {
  if (!$("[data-panes]")) return;
  stale = true;
  if (drawing) return;
  drawing = true;
  try {
    while (stale) {
      stale = false;
      const answer = await fetch(location.href);
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      const ids = (root) => $$(".pane, .empty", root).map((p) => p.id).join();
      if (ids(fresh) === ids(document)) take(fresh);
      else { $("[data-panes]").replaceWith($("[data-panes]", fresh)); take(fresh); $$("ol[data-list]").forEach(toEnd); }
    }
  } catch { /* the simulator is gone; the events tell when it is back */ } finally { drawing = false; }
}

$$("ol[data-list]").forEach(toEnd);
if ($("[data-panes]")) new EventSource("/page/events").onmessage = refresh;
