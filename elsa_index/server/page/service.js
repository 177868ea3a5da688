// Asking the service, and saying what went wrong.

import { at } from "./dom.js";

class Refused extends Error {}
let running = 0;

export async function ask(path, body) {
  const headers = { "content-type": "application/json" };
  const token = sessionStorage.getItem("token");
  if (token) headers.authorization = `Bearer ${token}`;
  const options = body === undefined ? { headers } : { method: "POST", headers, body: JSON.stringify(body) };
  busy(+1);
  try {
    const response = await fetch(path, options);
    const content = await response.json();
    if (response.status === 401) {
      at("token-form").hidden = false;
      at("token-wrong").hidden = !token;
      throw new Refused("a token is needed");
    }
    if (!response.ok) throw Object.assign(new Error(content.error), { status: response.status });
    return content;
  } finally {
    busy(-1);
  }
}

/** The line under the header moves while something is on its way. */
function busy(change) {
  running += change;
  document.body.classList.toggle("busy", running > 0);
}

export function report(error) {
  const refused = error instanceof Refused;
  at("problem").hidden = refused;
  if (!refused) at("problem").textContent = error instanceof TypeError ? "The service does not answer." : error.message;
}
