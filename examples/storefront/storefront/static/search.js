/* The search field as a combobox (WAI-ARIA) that offers authors and titles while somebody types.
   Without this script the form searches all the same. */

const PAUSE = 150; // milliseconds without a key before the shop is asked
const LEAST = 2; // characters

const field = document.getElementById("q");
const hint = make("p", { className: "hint" });
const list = make("ul", { id: "suggestions", role: "listbox", ariaLabel: "Suggestions" });
const popup = make("div", { className: "suggestions", hidden: true }, hint, list);
const status = make("div", { className: "hidden", role: "status" });
let active = null;
let timer;
let request;

function make(name, properties, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children); // as text, whatever is in it
  return element;
}

function activate(option) {
  if (active) active.ariaSelected = "false";
  active = option;
  field.removeAttribute("aria-activedescendant");
  if (!active) return;
  active.ariaSelected = "true";
  active.scrollIntoView({ block: "nearest" });
  field.setAttribute("aria-activedescendant", active.id);
}

function show(open) {
  activate(null);
  popup.hidden = !open;
  field.ariaExpanded = String(open);
}

function close() {
  clearTimeout(timer);
  request?.abort();
  status.textContent = "";
  show(false);
}

function option({ text, hint, href }, index) {
  const parts = [make("span", {}, text), " ", make("small", {}, hint)];
  const id = `suggestion-${index}`;
  const made = make("li", { id, role: "option", ariaSelected: "false" }, ...parts);
  made.dataset.href = href;
  return made;
}

async function ask() {
  clearTimeout(timer);
  request?.abort();
  const typed = field.value.trim();
  if (typed.length < LEAST) return close();
  request = new AbortController();
  try {
    const url = `${field.dataset.suggest}?${new URLSearchParams({ q: typed })}`;
    const response = await fetch(url, { signal: request.signal });
    const { data, corrected } = response.ok ? await response.json() : { data: [] };
    hint.textContent = corrected ? "Nothing begins like that. Did you mean:" : "";
    list.replaceChildren(...data.map(option));
    show(data.length > 0);
    status.textContent = data.length ? `${hint.textContent} ${data.length} suggestions` : "";
  } catch (error) {
    if (error.name !== "AbortError") close(); // offline: the form will say so
  }
}

function go(option) {
  close();
  location.assign(option.dataset.href);
}

function press(event) {
  if (event.isComposing) return;
  const isOpen = !popup.hidden;
  if (event.key === "ArrowDown" && isOpen) {
    activate(active?.nextElementSibling ?? list.firstElementChild);
  } else if (event.key === "ArrowDown") {
    ask();
  } else if (event.key === "ArrowUp" && isOpen) {
    activate(active?.previousElementSibling ?? list.lastElementChild);
  } else if (event.key === "Escape") {
    if (!isOpen) field.value = "";
    close();
  } else if (event.key === "Enter" && active) {
    go(active);
  } else {
    return;
  }
  event.preventDefault();
}

// A search field may be no combobox, a text field may.
Object.assign(field, { type: "text", role: "combobox", ariaAutoComplete: "list" });
Object.assign(field, { autocomplete: "off", autocapitalize: "off", enterKeyHint: "search" });
field.setAttribute("aria-controls", list.id);
field.form.append(popup, status);
show(false);

field.addEventListener("keydown", press);
field.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(ask, PAUSE);
});
field.addEventListener("blur", close);
field.form.addEventListener("submit", close);
popup.addEventListener("mousedown", (event) => event.preventDefault()); // the field keeps the focus
list.addEventListener("click", ({ target }) => {
  const chosen = target.closest("[role=option]");
  if (chosen) go(chosen);
});
