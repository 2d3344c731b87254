// Sends one mail through the types that openapi-typescript generated: URL KEY DOMAIN.
import createClient from "openapi-fetch";
import type { paths } from "./schema";

declare const process: { argv: string[] };
const [url, key, domain] = process.argv.slice(2);
const client = createClient<paths>({ baseUrl: url, headers: { Authorization: `Bearer ${key}` } });
const taken = await client.POST("/send", {
  body: { from: `shop@${domain}`, to: ["typescript@readers.example"], subject: "Hello", text: "By TypeScript." },
});
if (!taken.data) throw new Error(JSON.stringify(taken.error));
const found = await client.GET("/send/{id}", { params: { path: { id: taken.data.id } } });
if (!found.data) throw new Error(JSON.stringify(found.error));
console.log(found.data.subject, found.data.recipients[0].to);
