// What the page is asked with: the history, what is not wanted, fast or exact. All of it is in the link.

import { at, button, element } from "./dom.js";
import { ask } from "./service.js";

/** history, unwanted: items; `missing` are those that the index does not hold. */
export const taste = { history: [], unwanted: [], exact: false };
export const changes = new EventTarget();

export const ids = (items) => items.map((item) => item.item_id);
export const body = (more) => ({ history: ids(taste.history), exclude: ids(taste.unwanted), exact: taste.exact, metadata: true, ...more });

function changed() {
  const [liked, unwanted] = [taste.history, taste.unwanted].map((items) => ids(items).map(encodeURIComponent).join(","));
  const link = liked + (unwanted && `&not=${unwanted}`) + (taste.exact ? "&exact" : "");
  const next = link ? `#${link}` : location.pathname + location.search;
  if ((location.hash || location.pathname + location.search) !== next) history.pushState(null, "", next);
  changes.dispatchEvent(new Event("change"));
}

const without = (items, item) => items.filter((other) => other.item_id !== item.item_id);

export function add(item) {
  taste.unwanted = without(taste.unwanted, item);
  if (!ids(taste.history).includes(item.item_id)) taste.history.push(item);
  changed();
}

export function reject(item) {
  if (!ids(taste.unwanted).includes(item.item_id)) taste.unwanted.push(item);
  changed();
}

function remove(from, item) {
  const place = taste[from].indexOf(item);
  taste[from] = without(taste[from], item);
  changed();
  (at(from).querySelectorAll("button")[Math.min(place, taste[from].length - 1)] ?? at("search")).focus();
}

// ---------------------------------------------------------------- the link

function decoded(text) {
  try {
    return [decodeURIComponent(text)];
  } catch {
    return []; // no link of ours
  }
}

/** Items by id. One that cannot be looked up stays: by its id, and marked where the index does not hold it. */
async function items(list) {
  const names = [...new Set(list.split(",").filter(Boolean).flatMap(decoded))];
  const known = new Map([...taste.history, ...taste.unwanted].map((item) => [item.item_id, item]));
  return Promise.all(names.map(async (name) => {
    if (known.has(name)) return known.get(name);
    try {
      return await ask(`v1/item?item_id=${encodeURIComponent(name)}`);
    } catch (error) {
      return { item_id: name, title: name, missing: error.status === 404 };
    }
  }));
}

let recalls = 0;

/** Takes from the link what is asked for. */
export async function recall() {
  const recalled = ++recalls;
  const [first, ...rest] = location.hash.slice(1).split("&");
  const unwanted = rest.find((part) => part.startsWith("not="))?.slice(4) ?? "";
  const found = await Promise.all([items(first), items(unwanted)]);
  if (recalled !== recalls) return; // somebody went on to another link
  [taste.history, taste.unwanted] = found;
  taste.exact = rest.includes("exact") && !document.querySelector("input[value=exact]").disabled;
  changes.dispatchEvent(new Event("change"));
}

// ---------------------------------------------------------------- what is shown of it

function chip(from, item, does) {
  return element("li", { className: item.missing ? "missing" : "" },
    button(`${item.title} ✕`, `${does} ${item.title}`, () => remove(from, item), { title: item.missing ? "Not in this catalogue" : item.title }));
}

export function showTaste() {
  at("history").replaceChildren(...taste.history.map((item) => chip("history", item, "Remove")));
  at("unwanted").replaceChildren(...taste.unwanted.map((item) => chip("unwanted", item, "Allow again:")));
  at("unwanted-part").hidden = taste.unwanted.length === 0;
  const missing = taste.history.filter((item) => item.missing);
  at("missing").hidden = missing.length === 0;
  at("missing").textContent = `Not in this catalogue, and left out: ${ids(missing).join(", ")}.`;
  at("newcomer").hidden = taste.history.length > 0;
  at("clear").hidden = taste.history.length + taste.unwanted.length === 0;
  document.querySelector(`input[value=${taste.exact ? "exact" : "fast"}]`).checked = true;
}

at("clear").addEventListener("click", () => {
  Object.assign(taste, { history: [], unwanted: [] });
  changed();
  at("search").focus();
});
document.querySelectorAll("input[name=mode]").forEach((input) => input.addEventListener("change", () => {
  taste.exact = input.value === "exact";
  changed();
}));
window.addEventListener("popstate", recall);
