import { AppError } from "@muster/shared/errors.ts";
import {
  DEFINITION_SCHEMAS,
  type DefinitionSchemaName,
  definitionSchema,
} from "@muster/shared/model/definition-schema.ts";
import { z } from "zod";
import type { Api } from "./routes.ts";

/** Where editors get the schemas of definitions. They are no secret, and an editor has no token. */
export const SCHEMA_ROUTE = "/v1/schema/:file";

export function addSchemaRoutes(api: Api): void {
  const made = new Map<DefinitionSchemaName, object>();
  api.get(
    SCHEMA_ROUTE,
    {
      schema: {
        operationId: "getSchema",
        tags: ["definitions"],
        security: [],
        summary: "JSON Schema of a kind of definition, for editors: app.json; definition.json is of all kinds",
        params: z.object({ file: z.string() }),
        response: { 200: z.record(z.string(), z.unknown()) },
      },
    },
    async (request) => {
      const name = DEFINITION_SCHEMAS.find((known) => `${known}.json` === request.params.file);
      if (name === undefined) {
        throw new AppError("not-found", "There is no schema of this name.", {
          fix: `Known are ${DEFINITION_SCHEMAS.map((known) => `${known}.json`).join(", ")}.`,
        });
      }
      const schema = made.get(name) ?? definitionSchema(name);
      made.set(name, schema);
      return schema as Record<string, unknown>;
    },
  );
}
