// Filters, copies, and moves by keys. The page is whole without it.
"use strict";

const form = document.querySelector("form.filter");
const boxes = [...document.querySelectorAll("form.filter [type=checkbox]")];
const facets = [...new Set(boxes.map((box) => box.name))];
const cases = [...document.querySelectorAll(".case")].map((element) => ({
  element,
  values: Object.fromEntries(facets.map((facet) => [facet, valuesOf(element, facet)])),
  text: undefined,
}));

// A matrix has a facet for each column, `c0` and so on; its rows list the columns' verdicts in order.
function valuesOf(element, facet) {
  const column = /^c(\d+)$/.exec(facet);
  return column ? [element.dataset.columns.split(" ")[column[1]]] : element.dataset[facet].split(" ");
}

// Read once it is asked for: failures hold much text.
const textOf = (one) => (one.text ??= one.element.textContent.toLowerCase());

const chosen = (facet) => boxes.filter((box) => box.name === facet && box.checked).map((box) => box.value);

function filter() {
  const words = form.text.value.toLowerCase().split(/\s+/).filter(Boolean);
  const choices = facets.map((facet) => [facet, chosen(facet)]).filter(([, values]) => values.length > 0);
  const fits = (one) =>
    choices.every(([facet, values]) => values.some((value) => one.values[facet].includes(value))) &&
    words.every((word) => textOf(one).includes(word));
  let shown = 0;
  for (const one of cases) {
    const visible = fits(one);
    one.element.hidden = !visible;
    shown += visible;
  }
  for (const part of document.querySelectorAll(".part")) {
    const count = part.querySelectorAll(".case:not([hidden])").length;
    part.hidden = count === 0;
    part.querySelector(".count").textContent = count;
  }
  const all = shown === cases.length;
  form.shown.textContent = all ? `${cases.length} cases` : `${shown} of ${cases.length} cases`;
  document.querySelector(".nothing").hidden = shown > 0;
  remember(words, choices);
}

// The address holds the filter, so that a view can be sent to somebody.
function remember(words, choices) {
  const state = new URLSearchParams(choices.flatMap(([facet, values]) => values.map((value) => [facet, value])));
  if (words.length > 0) state.set("text", form.text.value);
  const wanted = state.size > 0 ? `#?${state}` : "";
  if (location.hash !== wanted && (wanted || location.hash.startsWith("#?"))) {
    try {
      history.replaceState(null, "", wanted || location.pathname + location.search);
    } catch {
      // Some hosts forbid it; the filter works all the same.
    }
  }
}

function recall() {
  if (!location.hash.startsWith("#?")) return;
  const state = new URLSearchParams(location.hash.slice(2));
  form.text.value = state.get("text") ?? "";
  for (const box of boxes) {
    box.checked = state.getAll(box.name).includes(box.value);
  }
}

function reset() {
  form.reset();
  filter();
}

// From the case that has the focus to the next one that is shown, or the one before.
function step(by) {
  const summaryOf = (element) => element?.querySelector("summary");
  const summaries = cases.filter((one) => !one.element.hidden).map((one) => summaryOf(one.element)).filter(Boolean);
  const here = summaries.indexOf(summaryOf(document.activeElement?.closest(".case")));
  const next = summaries[here < 0 ? (by > 0 ? 0 : summaries.length - 1) : here + by];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = event.target === form.text;
  if (event.key === "Escape") {
    reset();
    form.text.blur();
  } else if (typing) {
    return;
  } else if (event.key === "/") {
    event.preventDefault();
    form.text.focus();
  } else if (event.key === "j" || event.key === "k") {
    step(event.key === "j" ? 1 : -1);
  }
}

async function copy(button) {
  const code = button.parentElement.querySelector("code");
  try {
    await navigator.clipboard.writeText(code.textContent);
    button.textContent = "Copied";
  } catch {
    // Not allowed here: select it, so that one key is enough.
    getSelection().selectAllChildren(code);
    button.textContent = "Selected";
  }
  setTimeout(() => (button.textContent = "Copy"), 2000);
}

if (form) {
  form.hidden = false;
  recall();
  filter();
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  document.querySelector("[data-reset]").addEventListener("click", reset);
  document.addEventListener("keydown", onKey);
}
for (const button of document.querySelectorAll(".copy")) {
  button.hidden = false;
  button.addEventListener("click", () => copy(button));
}

// On paper a closed case tells nothing: what fails is opened while it prints.
let opened = [];
addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll("#failures details:not([open])")];
  for (const details of opened) details.open = true;
});
addEventListener("afterprint", () => {
  for (const details of opened) details.open = false;
});
