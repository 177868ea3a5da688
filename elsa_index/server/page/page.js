// The page of the service: a history is clicked together, and everything shown follows from it.
// Only text is ever put into the document (textContent), so that a title cannot be markup.

const at = (id) => document.getElementById(id);
const state = { history: [], exact: false, asked: 0, hasSegments: false, segments: [], total: 0 };
const SEGMENTS_AT_ONCE = 60;
const ALL_AT_ONCE = 1000; // as many as the service gives

function element(tag, properties = {}, ...children) {
  const { segment, ...rest } = properties;
  const made = Object.assign(document.createElement(tag), rest);
  if (segment !== undefined && segment !== null) {
    // Golden-angle hues: neighbours in number are far apart in colour, and those that meet differ in strength.
    made.style.setProperty("--hue", Math.round((segment * 137.508 + 225) % 360));
    made.style.setProperty("--vivid", ["70%", "40%", "95%"][segment % 3]);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

const signed = (value) => (value < 0 ? "−" : "+") + Math.abs(value).toFixed(3);

class Refused extends Error {}

async function ask(path, body) {
  const headers = { "content-type": "application/json" };
  const token = sessionStorage.getItem("token");
  if (token) headers.authorization = `Bearer ${token}`;
  const options = body === undefined ? { headers } : { method: "POST", headers, body: JSON.stringify(body) };
  const response = await fetch(path, options);
  const content = await response.json();
  if (response.status === 401) {
    at("token-form").hidden = false;
    at("token-wrong").hidden = !token;
    throw new Refused("a token is needed");
  }
  if (!response.ok) throw new Error(content.error);
  return content;
}

function report(error) {
  const refused = error instanceof Refused;
  at("problem").hidden = refused;
  if (!refused) at("problem").textContent = error instanceof TypeError ? "The service does not answer." : error.message;
}

// ---------------------------------------------------------------- history

const ids = () => state.history.map((item) => item.item_id);

function remember() {
  const hash = ids().map(encodeURIComponent).join(",");
  history.replaceState(null, "", hash ? `#${hash}` : location.pathname + location.search);
}

function decoded(text) {
  try {
    return [decodeURIComponent(text)];
  } catch {
    return []; // no link of ours
  }
}

async function recall() {
  const names = location.hash.slice(1).split(",").filter(Boolean).flatMap(decoded);
  const found = await Promise.allSettled(names.map((name) => ask(`v1/item?item_id=${encodeURIComponent(name)}`)));
  state.history = found.filter((one) => one.status === "fulfilled").map((one) => one.value);
}

function add(item) {
  if (!ids().includes(item.item_id)) state.history.push(item);
  show();
}

function drop(item) {
  state.history = state.history.filter((other) => other.item_id !== item.item_id);
  show();
  at("search").focus();
}

function showHistory() {
  at("history").replaceChildren(...state.history.map((item) => element("li", {},
    element("button", { type: "button", textContent: `${item.title} ✕`, ariaLabel: `Remove ${item.title}`, onclick: () => drop(item) }))));
  at("newcomer").hidden = at("clear").hidden = state.history.length > 0;
  at("clear").hidden = state.history.length === 0;
}

// ---------------------------------------------------------------- search box

const search = { items: [], chosen: -1, asked: 0 };

async function find() {
  const prefix = at("search").value.trim();
  const asked = ++search.asked;
  search.items = []; // those of the letters before are no answer to these
  if (!prefix) return closeFound();
  try {
    const { items } = await ask(`v1/items?k=12&prefix=${encodeURIComponent(prefix.slice(0, 200))}`);
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
    const option = element("li", { id: `found-${place}`, role: "option", textContent: item.title, ariaSelected: String(place === number) });
    option.addEventListener("mousedown", (event) => { event.preventDefault(); take(place); });
    return option;
  });
  at("found").replaceChildren(...(options.length ? options : [element("li", { className: "none", role: "option", ariaDisabled: "true", textContent: "No title begins so" })]));
  at("found").hidden = false;
  at("search").ariaExpanded = "true";
  if (number >= 0) {
    at("search").setAttribute("aria-activedescendant", `found-${number}`);
    options[number].scrollIntoView({ block: "nearest" });
  } else at("search").removeAttribute("aria-activedescendant");
}

function closeFound() {
  search.items = [];
  search.asked++;
  at("found").hidden = true;
  at("search").ariaExpanded = "false";
  at("search").removeAttribute("aria-activedescendant");
}

function take(place) {
  const item = search.items[place];
  at("search").value = "";
  closeFound();
  if (item) add(item);
}

at("search").addEventListener("input", find);
at("search").addEventListener("blur", closeFound);
at("search").addEventListener("keydown", (event) => {
  const count = search.items.length;
  if (event.key === "ArrowDown" && count) choose((search.chosen + 1) % count);
  else if (event.key === "ArrowUp" && count) choose((search.chosen + count - 1) % count);
  else if (event.key === "Enter" && count) take(search.chosen);
  else if (event.key === "Escape") closeFound();
  else return;
  event.preventDefault();
});

// ---------------------------------------------------------------- rows

function card(item, segment) {
  const known = ids().length > 0;
  return element("li", { className: "card", segment },
    element("p", { textContent: item.title, title: item.title }),
    element("div", {},
      known ? element("button", { type: "button", textContent: "Why?", ariaLabel: `Why ${item.title}?`, onclick: () => why(item) }) : null,
      element("button", { type: "button", textContent: "Add", ariaLabel: `Add ${item.title} to the history`, onclick: () => add(item) })));
}

function showRows(page) {
  at("rows").replaceChildren(...page.rows.map((row) => element("section", { className: "row" },
    element("h2", {}, element("span", { className: "dot", segment: row.segment }), row.name),
    row.items.length === 0 ? element("p", { className: "quiet", textContent: "Nothing is left." }) : null,
    element("ol", { tabIndex: 0, ariaLabel: row.name }, ...row.items.map((item) => card(item, row.segment))))));
  at("time").textContent = `${state.exact ? "exact" : "fast"}: ${page.milliseconds.toFixed(1)} ms`;
  at("time").title = page.promise;
}

function showTaste(dimensions) {
  const largest = Math.max(...dimensions.map((part) => Math.abs(part.weight)), 1e-9);
  at("bars").replaceChildren(...dimensions.map((part) => bar(
    part.segment_name ?? "no segment", part.weight, largest, part.segment, `dimension ${part.dimension}`)));
  at("taste").hidden = dimensions.length === 0;
}

function bar(name, amount, largest, segment, note) {
  const drawn = element("span", { className: segment === null ? "bar none" : "bar", segment });
  drawn.style.width = `${(100 * Math.abs(amount)) / largest}%`;
  return element("li", { title: `${name}, ${note}: ${signed(amount)}` },
    element("span", { className: "name" }, name, element("small", { className: "quiet", textContent: ` ${note}` })),
    element("span", { className: "track" }, drawn, element("small", { className: amount < 0 ? "against" : "", textContent: signed(amount) })));
}

/** What an index without segments answers, as a page of one row. */
async function oneRow(history) {
  const found = await ask("v1/recommend", { history, k: 24, exact: state.exact });
  return { ...found, rows: [{ name: found.popular ? "Popular" : "For you", segment: null, items: found.items }] };
}

async function show() {
  const asked = ++state.asked;
  remember();
  showHistory();
  const history = ids();
  try {
    const [page, taste] = await Promise.all([
      state.hasSegments ? ask("v1/homepage", { history, rows: 8, k: 12, exact: state.exact }) : oneRow(history),
      ask("v1/dimensions", { history, k: 12 }),
    ]);
    if (asked !== state.asked) return; // a later click has answered already
    at("problem").hidden = true;
    showRows(page);
    showTaste(taste.dimensions);
  } catch (error) {
    report(error);
  }
}

// ---------------------------------------------------------------- why

async function why(item) {
  try {
    const { explanations: [found] } = await ask("v1/explain", { history: ids(), items: [item.item_id] });
    at("why-title").textContent = found.title;
    at("why-about").textContent = `Score ${found.score.toFixed(3)}: the sum of what the history brings, and of what the dimensions bring.`;
    const parts = found.history.filter((part) => part.amount).slice(0, 8);
    const largest = Math.max(...parts.map((part) => Math.abs(part.amount)), 1e-9);
    at("why-history").replaceChildren(...parts.map((part) => bar(part.title, part.amount, largest, null, "")));
    const dimensions = found.dimensions.slice(0, 8);
    const most = Math.max(...dimensions.map((part) => Math.abs(part.amount)), 1e-9);
    at("why-dimensions").replaceChildren(...dimensions.map((part) => bar(
      part.segment_name ?? "no segment", part.amount, most, part.segment, `dimension ${part.dimension}`)));
    at("why-add").onclick = () => { at("why").close(); add(item); };
    at("why").showModal();
  } catch (error) {
    report(error);
  }
}

// ---------------------------------------------------------------- segments

function showSegments() {
  const wanted = at("segments-filter").value.trim().toLowerCase();
  const matches = (segment) => [segment.name, ...segment.typical.map((item) => item.title)].some((text) => text.toLowerCase().includes(wanted));
  const shown = wanted ? state.segments.filter(matches) : state.segments;
  at("segments").replaceChildren(...shown.map((segment) => element("details", { segment: segment.number },
    element("summary", {}, element("strong", { textContent: segment.name }),
      element("span", { className: "quiet", textContent: ` ${segment.size} items${segment.dimensions.length ? `, from ${segment.dimensions.length} dimensions` : ""}` })),
    element("p", { className: "quiet", textContent: segment.typical.slice(0, 8).map((item) => item.title).join(" · ") }),
    element("ul", { className: "raw", ariaLabel: "Raw dimensions" }, ...segment.dimensions.map((part) => element("li", {
      textContent: `${part.sign < 0 ? "−" : "+"}${part.dimension}: ${part.items}`, title: `dimension ${part.dimension}, ${part.items} items begin there` }))))));
  const raw = state.segments.reduce((sum, segment) => sum + segment.dimensions.length, 0);
  at("segments-about").textContent = `${state.segments.length} of ${state.total} segments${raw ? `, merged from ${raw} signed dimensions` : ""}; ${shown.length} shown.`;
  at("more").hidden = state.segments.length >= state.total;
}

async function moreSegments(count = SEGMENTS_AT_ONCE) {
  if (at("more").disabled) return; // these are on their way already
  at("more").disabled = true;
  try {
    const found = await ask(`v1/segments?offset=${state.segments.length}&k=${count}`);
    state.segments.push(...found.segments);
    state.total = found.total;
    showSegments();
  } catch (error) {
    report(error);
  } finally {
    at("more").disabled = false;
  }
}

// ---------------------------------------------------------------- beginning

async function begin() {
  try {
    const about = await ask("v1/index");
    at("token-form").hidden = true;
    at("about").textContent = `${about.items.toLocaleString("en")} items · ${about.dims.toLocaleString("en")} dimensions · ${about.segments.toLocaleString("en")} segments · ${about.engine}`;
    document.querySelector("input[value=exact]").disabled = !about.can_be_exact;
    state.hasSegments = about.segments > 0;
    document.querySelector(".segments").hidden = !state.hasSegments;
    await recall();
    await Promise.all([show(), state.hasSegments ? moreSegments() : null]);
  } catch (error) {
    report(error);
  }
}

at("clear").addEventListener("click", () => { state.history = []; show(); at("search").focus(); });
at("more").addEventListener("click", () => moreSegments());
at("segments-filter").addEventListener("focus", async () => {
  for (let before = -1; before < state.segments.length && state.segments.length < state.total;) {
    before = state.segments.length;
    await moreSegments(ALL_AT_ONCE);
  }
});
at("segments-filter").addEventListener("input", showSegments);
document.querySelectorAll("input[name=mode]").forEach((input) => input.addEventListener("change", () => {
  state.exact = input.value === "exact";
  show();
}));
at("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem("token", at("token").value);
  begin();
});
window.addEventListener("hashchange", async () => { await recall(); show(); });
begin();
