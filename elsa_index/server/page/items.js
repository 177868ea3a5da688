// Items as cards: title, what else is known, a picture, what can be done with them.

import { button, element } from "./dom.js";
import { add, reject, taste } from "./taste.js";
import { why } from "./why.js";

let hosts = []; // whose pictures may be shown
export const allowPictures = (names) => { hosts = names; };

function pictureHost(value) {
  try {
    const url = new URL(value);
    return url.protocol === "https:" ? url.host : "";
  } catch {
    return "";
  }
}

const isUrl = (value) => /^https?:\/\//.test(value);

/** What tells two items of one title apart: year, genres, whatever the metadata has. */
export const facts = (item) => Object.entries(item.metadata ?? {})
  .filter(([name, value]) => name !== "title" && !isUrl(value))
  .sort(([one], [other]) => (other === "year") - (one === "year"))
  .map(([, value]) => value.replaceAll("|", ", ")).join(" · ");

function picture(item) {
  const source = Object.values(item.metadata ?? {}).find((value) => hosts.includes(pictureHost(value)));
  if (!source) return null;
  const image = element("img", { src: source, alt: "", loading: "lazy", referrerPolicy: "no-referrer" });
  image.onerror = () => image.remove();
  return image;
}

export function card(item, segment) {
  const made = element("li", { className: "card", segment },
    picture(item),
    element("div", { className: "about" },
      element("p", { className: "title", textContent: item.title, title: item.title }),
      element("p", { className: "quiet facts", textContent: facts(item), title: facts(item) })),
    element("div", { className: "actions" },
      taste.history.length ? button("Why?", `Why ${item.title}?`, () => why(item)) : null,
      button("Add", `Add ${item.title} to the history`, () => add(item)),
      button("✕", `Not for me: ${item.title}`, () => reject(item), { className: "not", title: "Not for me" })));
  made.dataset.item = item.item_id;
  return made;
}

/** Draws anew what holds the focus, and gives it back: to the same button, or to what took its place. */
export function keepingFocus(container, draw) {
  const focused = container.contains(document.activeElement) ? document.activeElement : null;
  const held = focused?.closest("[data-item]");
  if (!held) return draw();
  const list = held.parentElement;
  const [row, place, name] = [[...container.querySelectorAll("ol")].indexOf(list), [...list.children].indexOf(held), focused.textContent];
  draw();
  const lists = [...container.querySelectorAll("ol")];
  const same = container.querySelector(`[data-item="${CSS.escape(held.dataset.item)}"]`);
  const taken = lists[Math.min(row, lists.length - 1)]?.children;
  const next = same ?? taken?.[Math.min(place, taken.length - 1)];
  const buttons = [...(next?.querySelectorAll("button") ?? [])];
  (buttons.find((one) => one.textContent === name) ?? buttons[0] ?? container).focus({ preventScroll: Boolean(same) });
}
