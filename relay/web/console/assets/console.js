"use strict";
// Pages work without this. It copies, filters, and shows times in the browser's own zone.

addEventListener("click", async event => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const from = document.getElementById(button.dataset.copy);
  const text = from.value ?? from.textContent;
  try { await navigator.clipboard.writeText(text); } catch { // without TLS browsers have no clipboard: it is chosen, to be copied by hand
    if (from.select) from.select(); else getSelection().selectAllChildren(from);
    return;
  }
  const was = button.textContent;
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = was; }, 1500);
});

// filter hides what has none of the words that were typed, in the list and in its index.
function filter(input) {
  const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
  const hides = text => !words.every(word => text.toLowerCase().includes(word));
  for (const item of document.querySelectorAll(input.dataset.filter)) item.hidden = hides(item.dataset.words);
  for (const item of document.querySelectorAll(input.dataset.filterIndex)) item.hidden = document.getElementById(item.hash.slice(1))?.hidden ?? false;
}
addEventListener("input", event => { if (event.target.matches("[data-filter]")) filter(event.target); });

function enliven(root) {
  for (const each of root.querySelectorAll("[data-copy][hidden], [data-all][hidden], .filter[hidden]")) each.hidden = false;
  for (const time of root.querySelectorAll("time[datetime]")) time.title = new Date(time.dateTime).toLocaleString();
}
enliven(document);
document.addEventListener("htmx:load", event => enliven(event.target.parentNode ?? document));

// What the server shows anew takes the place of what was. A page that nobody looks at listens to nothing.
for (const live of document.querySelectorAll("[data-live]")) {
  let source;
  const listen = () => {
    source?.close();
    if (document.hidden) return;
    source = new EventSource(live.dataset.live);
    source.onmessage = event => { live.innerHTML = event.data; enliven(live); };
    source.onerror = () => { if (source.readyState === EventSource.CLOSED) setTimeout(listen, 30_000); };
  };
  document.addEventListener("visibilitychange", listen);
  addEventListener("pagehide", () => source?.close());
  listen();
}

// One box chooses all.
addEventListener("change", event => {
  const all = event.target.closest("[data-all]");
  if (all) for (const box of all.form.querySelectorAll(`[name="${all.dataset.all}"]`)) box.checked = all.checked;
});
addEventListener("click", event => {
  const sure = event.target.closest("[data-sure]");
  if (sure && !confirm(sure.dataset.sure)) event.preventDefault();
});

// Choosing shows at once.
addEventListener("change", event => event.target.closest("form[data-submit]")?.requestSubmit());

// On a small screen the page's own entry may be out of sight.
document.querySelector("nav [aria-current]")?.scrollIntoView({block: "nearest", inline: "center"});

// A link is waited for also through a restart of the server.
for (const trouble of ["htmx:sendError", "htmx:responseError"]) document.addEventListener(trouble, event => {
  const waiting = event.detail.elt;
  if (waiting.matches(".linkstate")) setTimeout(() => htmx.trigger(waiting, "again"), 3000);
});
