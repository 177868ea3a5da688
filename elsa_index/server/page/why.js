// Why an item is recommended: what the history brings, what segments bring, and at last the dimensions.

import { at, bars } from "./dom.js";
import { ask, report } from "./service.js";
import { add, ids, taste } from "./taste.js";

const SHOWN = 8;

export async function why(item) {
  try {
    const { explanations: [found] } = await ask("v1/explain", { history: ids(taste.history), items: [item.item_id] });
    at("why-title").textContent = found.title;
    at("why-about").textContent = `Score ${found.score.toFixed(3)}: the sum of what the history brings, and of what segments bring.`;
    const history = found.history.filter((part) => part.amount).map((part) => ({ name: part.title, amount: part.amount }));
    at("why-history").replaceChildren(...bars(history.slice(0, SHOWN)));
    const segments = bySegment(found.dimensions).slice(0, SHOWN);
    at("why-segments").replaceChildren(...bars(segments));
    at("why-segments-part").hidden = segments.every((part) => part.segment === null);
    at("why-dimensions").replaceChildren(...bars(found.dimensions.slice(0, SHOWN).map((part) => ({
      name: part.segment_name ?? "no segment", amount: part.amount, segment: part.segment, note: `dimension ${part.dimension}` }))));
    at("why-add").onclick = () => { at("why").close(); add(item); };
    at("why").showModal();
  } catch (error) {
    report(error);
  }
}

/** Amounts of dimensions, added up by the segment that each belongs to. */
function bySegment(dimensions) {
  const sums = new Map();
  for (const part of dimensions) {
    const sum = sums.get(part.segment) ?? { name: part.segment_name ?? "no segment", segment: part.segment, amount: 0 };
    sum.amount += part.amount;
    sums.set(part.segment, sum);
  }
  return [...sums.values()].sort((one, other) => Math.abs(other.amount) - Math.abs(one.amount));
}
