// Prints the OpenAPI document of the REST API to standard output: `npm run openapi` keeps it and makes the CLI's types.
import { silentLog } from "@muster/shared/log.ts";
import { VERSION } from "@muster/shared/version.ts";
import { createApiServer } from "./server.ts";

/** Nothing is called while the document is made. */
const absent = <T>(): T => ({}) as T;

const server = await createApiServer({
  commands: absent(),
  queries: absent(),
  enrolment: absent(),
  authenticate: () => null,
  tls: null,
  metricsText: async () => "",
  webhookSecret: null,
  log: silentLog,
  version: VERSION,
});
console.log(JSON.stringify(await server.document(), null, 2));
await server.close();
