// The segments of the index, with the dimensions that each was merged from.

import { at, button, element } from "./dom.js";
import { ask, report } from "./service.js";
import { openSegment } from "./whole.js";

const AT_ONCE = 60;
const ALL_AT_ONCE = 1000; // as many as the service gives
let segments = [];
let total = 0;

function show() {
  const wanted = at("segments-filter").value.trim().toLowerCase();
  const matches = (segment) => [segment.name, ...segment.typical.map((item) => item.title)].some((text) => text.toLowerCase().includes(wanted));
  const shown = wanted ? segments.filter(matches) : segments;
  at("segments").replaceChildren(...shown.map((segment) => element("details", { segment: segment.number },
    element("summary", {}, element("strong", { textContent: segment.name }),
      element("span", { className: "quiet", textContent: ` ${segment.size} items${segment.dimensions.length ? `, from ${segment.dimensions.length} dimensions` : ""}` })),
    element("p", { className: "quiet", textContent: segment.typical.slice(0, 8).map((item) => item.title).join(" · ") }),
    button(`Show all ${segment.size}`, `Show all ${segment.size} items of ${segment.name}`, () => openSegment(segment.number, segment.name)),
    element("ul", { className: "raw", ariaLabel: "Raw dimensions" }, ...segment.dimensions.map((part) => element("li", {
      textContent: `${part.sign < 0 ? "−" : "+"}${part.dimension}: ${part.items}`, title: `dimension ${part.dimension}, ${part.items} items begin there` }))))));
  const raw = segments.reduce((sum, segment) => sum + segment.dimensions.length, 0);
  at("segments-about").textContent = `${segments.length} of ${total} segments${raw ? `, merged from ${raw} signed dimensions` : ""}; ${shown.length} shown.`;
  at("more").hidden = segments.length >= total;
}

export async function moreSegments(count = AT_ONCE) {
  if (at("more").disabled) return; // these are on their way already
  at("more").disabled = true;
  try {
    const found = await ask(`v1/segments?offset=${segments.length}&k=${count}`);
    segments.push(...found.segments);
    total = found.total;
    show();
  } catch (error) {
    report(error);
  } finally {
    at("more").disabled = false;
  }
}

at("more").addEventListener("click", () => moreSegments());
at("segments-filter").addEventListener("focus", async () => {
  for (let before = -1; before < segments.length && segments.length < total;) {
    before = segments.length;
    await moreSegments(ALL_AT_ONCE);
  }
});
at("segments-filter").addEventListener("input", show);
