// A host product in TypeScript: openapi-fetch, typed by what openapi-typescript made of our document (./schema.d.mts).
// Usage: node fetch_client.mjs BASE KEY METER. Prints what the server answered as JSON.
import createClient from "openapi-fetch";
import type { paths } from "./schema.mjs";

declare const process: { argv: string[] };
const [base, key, meter] = process.argv.slice(2) as [string, string, string];
const client = createClient<paths>({ baseUrl: base, headers: { Authorization: `Bearer ${key}` } });

const id = `fetch-${meter}`;
const event = { id, meter, quantity: "2.5", metadata: { page: 1 } };
const first = await client.POST("/api/v1/usage/events", { body: event });
const again = await client.POST("/api/v1/usage/events", { body: { events: [event] } });
const unknown = await client.POST("/api/v1/usage/events", { body: { id: `${id}-2`, meter: "nope" } });
const read = await client.GET("/api/v1/usage/events", { params: { query: { meter, limit: 1 } } });
const check = await client.POST("/api/v1/usage/check", { body: { meter, quantity: 1 } });
const checks = await client.POST("/api/v1/usage/check", { body: { checks: [{ meter }, { meter, quantity: 1000 }] } });

console.log(JSON.stringify({
  recorded: first.data?.recorded,
  duplicates: again.data?.duplicates,
  refused: unknown.error?.code,
  read: read.data?.events.map((each) => [each.id, each.quantity]),
  allowed: [check.data?.allowed, ...(checks.data?.checks ?? []).map((each) => each.allowed)],
}));
