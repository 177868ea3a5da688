// Making and finding elements. Only text is ever put into the document (textContent), so that a title cannot be markup.

export const at = (id) => document.getElementById(id);

export function element(tag, properties = {}, ...children) {
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

export const button = (text, label, onclick, more = {}) =>
  element("button", { type: "button", textContent: text, ariaLabel: label, onclick, ...more });

export const signed = (value) => (value < 0 ? "−" : "+") + Math.abs(value).toFixed(3);

/** A name, a bar as long as its share of the largest amount, and the amount. */
export function bar(name, amount, largest, segment, note) {
  const drawn = element("span", { className: segment === null ? "bar none" : "bar", segment });
  drawn.style.width = `${(100 * Math.abs(amount)) / largest}%`;
  return element("li", { title: `${name}${note && `, ${note}`}: ${signed(amount)}` },
    element("span", { className: "name" }, name, element("small", { className: "quiet", textContent: note && ` ${note}` })),
    element("span", { className: "track" }, drawn, element("small", { className: amount < 0 ? "against" : "", textContent: signed(amount) })));
}

export function bars(parts) {
  const largest = Math.max(...parts.map((part) => Math.abs(part.amount)), 1e-9);
  return parts.map((part) => bar(part.name, part.amount, largest, part.segment ?? null, part.note ?? ""));
}
