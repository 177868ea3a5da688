// Forms the request that recommends for a history; codes come from the index itself. Needs no packages.
// node query.mjs URL INDEX ID [ID ...]     prints ids and scores, best first

import { createHash } from "node:crypto";

const K = 100, WINDOW = 200;
const FIRST_TERMS = 1000; // of one query: clusters allow 1,024 clauses

/** A document's _id: the item's id or, where it is longer than clusters take, its hash. */
export function documentId(item) {
  if (new TextEncoder().encode(item).length <= 512) return item;
  return `sha256:${createHash("sha256").update(item).digest("hex")}`;
}

/** A half-precision float, of which JavaScript has none. */
function half(bits) {
  const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 0x1f, fraction = bits & 0x3ff;
  return exponent === 0 ? sign * 2 ** -24 * fraction : sign * 2 ** (exponent - 15) * (1 + fraction / 1024);
}

/** A code from the field `packed`: pairs of dimension and weight, each times the item's history weight. */
export function unpack(base64, layout) {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  const share = view.getFloat32(0, true);
  const dimSize = layout.dims === "uint16" ? 2 : 4, weightSize = layout.weights === "float16" ? 2 : 4;
  const count = (bytes.length - 4) / (dimSize + weightSize);
  return Array.from({ length: count }, (_, at) => {
    const dimAt = 4 + dimSize * at, weightAt = 4 + dimSize * count + weightSize * at;
    const dim = dimSize === 2 ? view.getUint16(dimAt, true) : view.getUint32(dimAt, true);
    const weight = weightSize === 2 ? half(view.getUint16(weightAt, true)) : view.getFloat32(weightAt, true);
    return [dim, share * weight];
  });
}

/** The user vector, dimension to weight: the sum of the history's codes. */
export function userVector(codes) {
  const vector = new Map();
  for (const [dim, weight] of codes.flat()) vector.set(dim, (vector.get(dim) ?? 0) + weight);
  return vector;
}

/** The request: terms of the same sign are the query, terms of the opposite sign are taken off by rescoring. */
export function request(vector, seen, k = K, window = WINDOW) {
  const weights = [...vector].filter(([, weight]) => weight !== 0).sort((a, b) => Math.abs(b[1]) - Math.abs(a[1]));
  const clauses = (part, flip) => part.map(([dim, weight]) => ({
    rank_feature: { field: `code.${2 * dim + ((weight < 0) ^ flip)}`, linear: {}, boost: Math.abs(weight) },
  }));
  const rescore = [];
  for (let at = 0; at < weights.length; at += FIRST_TERMS) {
    const part = weights.slice(at, at + FIRST_TERMS);
    if (at > 0) rescore.push([clauses(part, 0), 1]);
    rescore.push([clauses(part, 1), -1]);
  }
  return {
    size: k,
    track_total_hits: true,
    stored_fields: ["item_id"],
    query: {
      bool: {
        should: clauses(weights.slice(0, FIRST_TERMS), 0),
        minimum_should_match: 1,
        must_not: [{ ids: { values: seen } }],
      },
    },
    rescore: rescore.map(([should, sign]) => ({
      window_size: window,
      query: { rescore_query: { bool: { should } }, query_weight: 1, rescore_query_weight: sign },
    })),
  };
}

async function asked(url, body) {
  const options = body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const answer = await fetch(url, options);
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

async function main([url, index, ...items]) {
  const history = items.map(documentId);
  if (!history.length) throw new Error("usage: node query.mjs URL INDEX ID [ID ...]");
  const mappings = Object.values(await asked(`${url}/${index}/_mapping`));
  const layout = mappings[0].mappings._meta.elsa_index.packed;
  const found = await asked(`${url}/${index}/_mget?stored_fields=packed`, { ids: history });
  const known = found.docs.filter((document) => document.found);
  for (const document of found.docs) if (!document.found) console.error(`warning: ${document._id} is not in ${index}`);
  if (!known.length) throw new Error(`${index} knows none of the items ${history.join(", ")}`);
  const vector = userVector(known.map((document) => unpack(document.fields.packed[0], layout)));
  const answer = await asked(`${url}/${index}/_search`, request(vector, history));
  for (const hit of answer.hits.hits) console.log(`${hit.fields?.item_id?.[0] ?? hit._id}\t${hit._score}`);
}

if (process.argv[1] && import.meta.url.endsWith(process.argv[1].split(/[\\/]/).pop())) {
  main(process.argv.slice(2)).catch((error) => {
    console.error(`error: ${error.message}`);
    process.exitCode = 1;
  });
}
