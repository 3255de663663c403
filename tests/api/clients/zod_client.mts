// The same through the client that openapi-zod-client makes (./zod.mts): it validates each request and each answer.
// Usage: node zod_client.mjs BASE KEY METER. Prints what the server answered as JSON.
import { createApiClient } from "./zod.mjs";

declare const process: { argv: string[] };
const [base, key, meter] = process.argv.slice(2) as [string, string, string];
const client = createApiClient(base, { axiosConfig: { headers: { Authorization: `Bearer ${key}` } } });

const id = `zod-${meter}`;
const event = { id, meter, quantity: "2.5", metadata: { page: 1 } };
const first = await client["metering.record_events"](event);
const again = await client["metering.record_events"]({ events: [event] });
const refused = await client["metering.record_events"]({ id: `${id}-2`, meter: "nope" }).catch((error) => error.response.data);
const read = await client["metering.list_events"]({ queries: { meter, limit: 1 } });
const check = await client["metering.check_usage"]({ meter, quantity: 1 });
const checks = await client["metering.check_usage"]({ checks: [{ meter }, { meter, quantity: 1000 }] });

console.log(JSON.stringify({
  recorded: first.recorded,
  duplicates: again.duplicates,
  refused: refused.code,
  read: read.events.map((each) => [each.id, each.quantity]),
  allowed: [check.allowed, ...(checks.checks ?? []).map((each) => each.allowed)],
}));
