// The page of the service: a history is clicked together, and everything shown follows from it.

import { at, bars, button, element } from "./dom.js";
import { allowPictures, card, keepingFocus } from "./items.js";
import "./search.js";
import { moreSegments } from "./segments.js";
import { ask, report } from "./service.js";
import { body, changes, ids, recall, showTaste, taste } from "./taste.js";
import { openSegment } from "./whole.js";

let hasSegments = false;
let asked = 0;

function showRows(page) {
  keepingFocus(at("rows"), () => at("rows").replaceChildren(...page.rows.map((row) => element("section", { className: "row" },
    element("div", { className: "head" },
      element("h2", {}, element("span", { className: "dot", segment: row.segment }), row.name),
      row.segment === null ? null : button("Show all", `Show all of ${row.name}`, () => openSegment(row.segment, row.name))),
    row.items.length === 0 ? element("p", { className: "quiet", textContent: "Nothing is left." }) : null,
    element("ol", { tabIndex: 0, ariaLabel: row.name }, ...row.items.map((item) => card(item, row.segment)))))));
  at("time").textContent = `${taste.exact ? "exact" : "fast"}: ${page.milliseconds.toFixed(1)} ms`;
  at("time").title = page.promise;
  at("said").textContent = `${page.rows[0]?.name ?? "Nothing"}: ${page.rows[0]?.items.length ?? 0} items, and ${Math.max(page.rows.length - 1, 0)} more rows`;
}

function showDimensions(dimensions) {
  at("bars").replaceChildren(...bars(dimensions.map((part) => ({
    name: part.segment_name ?? "no segment", amount: part.weight, segment: part.segment, note: `dimension ${part.dimension}` }))));
  at("dimensions").hidden = dimensions.length === 0;
}

/** What an index without segments answers, as a page of one row. */
async function oneRow() {
  const found = await ask("v1/recommend", body({ k: 24 }));
  return { ...found, rows: [{ name: found.popular ? "Popular" : "For you", segment: null, items: found.items }] };
}

async function show() {
  const turn = ++asked;
  showTaste();
  at("rows").ariaBusy = "true";
  try {
    const [page, found] = await Promise.all([
      hasSegments ? ask("v1/homepage", body({ rows: 8, k: 12 })) : oneRow(),
      ask("v1/dimensions", { history: ids(taste.history), k: 12 }),
    ]);
    if (turn !== asked) return; // a later click has answered already
    at("problem").hidden = true;
    showRows(page);
    showDimensions(found.dimensions);
  } catch (error) {
    report(error);
  }
  if (turn === asked) at("rows").ariaBusy = "false";
}

async function begin() {
  try {
    const about = await ask("v1/index");
    at("token-form").hidden = true;
    at("about").textContent = `${about.items.toLocaleString("en")} items · ${about.dims.toLocaleString("en")} dimensions · ${about.segments.toLocaleString("en")} segments · ${about.engine}`;
    document.querySelector("input[value=exact]").disabled = !about.can_be_exact;
    allowPictures(about.images);
    hasSegments = about.segments > 0;
    document.querySelector(".segments").hidden = !hasSegments;
    await Promise.all([recall(), hasSegments ? moreSegments() : null]);
  } catch (error) {
    report(error);
  }
}

changes.addEventListener("change", show);
at("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem("token", at("token").value);
  begin();
});
begin();
