// A segment, whole.

import { at } from "./dom.js";
import { card } from "./items.js";
import { ask, report } from "./service.js";

const AT_ONCE = 200;

/** Shows all items of a segment, the most typical first. */
export async function openSegment(number, name) {
  const list = at("whole-items");
  list.replaceChildren();
  at("whole-title").textContent = name;
  const more = async () => {
    try {
      const found = await ask(`v1/segments/items?number=${number}&offset=${list.children.length}&k=${AT_ONCE}`);
      list.append(...found.items.map((item) => card(item, number)));
      at("whole-about").textContent = `${list.children.length} of ${found.total} items, the most typical first`;
      at("whole-more").hidden = list.children.length >= found.total;
    } catch (error) {
      report(error);
    }
  };
  at("whole-more").onclick = more;
  await more();
  if (!at("whole").open) at("whole").showModal();
}
