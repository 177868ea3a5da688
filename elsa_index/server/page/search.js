// The box that finds titles as they are typed.

import { at, element } from "./dom.js";
import { facts } from "./items.js";
import { ask, report } from "./service.js";
import { add } from "./taste.js";

const search = { items: [], chosen: -1, asked: 0 };

async function find() {
  const typed = at("search").value.trim();
  const asked = ++search.asked;
  search.items = []; // those of the letters before are no answer to these
  if (!typed) return close();
  try {
    const { items } = await ask(`v1/items?k=12&prefix=${encodeURIComponent(typed.slice(0, 200))}`);
    if (asked !== search.asked) return; // a later keystroke has answered already
    search.items = items;
    choose(items.length ? 0 : -1);
  } catch (error) {
    report(error);
  }
}

function choose(number) {
  search.chosen = number;
  const options = search.items.map((item, place) => {
    const option = element("li", { id: `found-${place}`, role: "option", ariaLabel: item.title, ariaSelected: String(place === number) },
      item.title, element("small", { textContent: facts(item) }));
    option.addEventListener("mousedown", (event) => { event.preventDefault(); take(place); });
    return option;
  });
  at("found").replaceChildren(...(options.length ? options : [element("li", { className: "none", role: "option", ariaDisabled: "true", textContent: "No title found" })]));
  at("found").hidden = false;
  at("search").ariaExpanded = "true";
  if (number >= 0) {
    at("search").setAttribute("aria-activedescendant", `found-${number}`);
    options[number].scrollIntoView({ block: "nearest" });
  } else at("search").removeAttribute("aria-activedescendant");
}

function close() {
  search.items = [];
  search.asked++;
  at("found").hidden = true;
  at("search").ariaExpanded = "false";
  at("search").removeAttribute("aria-activedescendant");
}

function take(place) {
  const item = search.items[place];
  at("search").value = "";
  close();
  if (item) add(item);
}

at("search").addEventListener("input", find);
at("search").addEventListener("blur", close);
at("search").addEventListener("keydown", (event) => {
  const count = search.items.length;
  if (event.key === "ArrowDown" && count) choose((search.chosen + 1) % count);
  else if (event.key === "ArrowUp" && count) choose((search.chosen + count - 1) % count);
  else if (event.key === "Enter" && count) take(search.chosen);
  else if (event.key === "Escape") close();
  else return;
  event.preventDefault();
});
