// Forms the request that recommends for a history: its ids are the query, and nothing is looked up. Needs no packages.
// node query.mjs URL INDEX ID [ID ...]     prints ids and scores, best first

import { createHash } from "node:crypto";

const K = 100;
const AGAINST = @against@; // whether any item speaks against another
const WINDOW = 200; // of each shard, from which what speaks against them is taken off

/** A document's _id: the item's id or, where it is longer than clusters take, its hash. */
export function documentId(item) {
  if (new TextEncoder().encode(item).length <= 512) return item;
  return `sha256:${createHash("sha256").update(item).digest("hex")}`;
}

/** What an item is called among the features of others. */
export function featureName(item) {
  return documentId(item).replaceAll("%", "%25").replaceAll(".", "%2E");
}

/** The request. */
export function request(history, k = K) {
  const clauses = (field) => history.map((item) => ({ rank_feature: { field: `${field}.${featureName(item)}`, linear: {} } }));
  const body = {
    size: k,
    stored_fields: ["item_id"],
    query: {
      bool: { should: clauses("code"), minimum_should_match: 1, must_not: [{ ids: { values: history.map(documentId) } }] },
    },
  };
  if (AGAINST) {
    const rescored = { rescore_query: { bool: { should: clauses("against") } }, query_weight: 1, rescore_query_weight: -1 };
    body.rescore = { window_size: Math.max(k, WINDOW), query: rescored };
  }
  return body;
}

async function main([url, index, ...items]) {
  if (!items.length) throw new Error("usage: node query.mjs URL INDEX ID [ID ...]");
  const options = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(request(items)) };
  const answer = await fetch(`${url}/${index}/_search`, options);
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
  for (const hit of (await answer.json()).hits.hits) console.log(`${hit.fields?.item_id?.[0] ?? hit._id}\t${hit._score}`);
}

if (process.argv[1] && import.meta.url.endsWith(process.argv[1].split(/[\\/]/).pop())) {
  main(process.argv.slice(2)).catch((error) => {
    console.error(`error: ${error.message}`);
    process.exitCode = 1;
  });
}
