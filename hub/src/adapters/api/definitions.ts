import { z } from "zod";
import { applyRequest, applyResult, handOverRequest, handOverResult, storedDefinition } from "../../core/views.ts";
import { type Api, listOf, type RouteContext } from "./routes.ts";

const APPLY_BYTES_MAX = 8 * 1024 * 1024;

export function addDefinitionRoutes(api: Api, { commands, queries, actor }: RouteContext): void {
  const tags = ["definitions"];
  api.post(
    "/v1/apply",
    {
      bodyLimit: APPLY_BYTES_MAX,
      schema: {
        operationId: "apply",
        tags,
        summary: "Create or change definitions; says which clusters gain or lose an App by it",
        body: applyRequest,
        response: { 200: applyResult },
      },
    },
    (request) => {
      const { definitions, dryRun, takeOver } = request.body;
      return commands.apply(actor(request), definitions, { dryRun, takeOver: takeOver === true });
    },
  );

  api.post(
    "/v1/handovers",
    {
      schema: {
        operationId: "handOver",
        tags,
        summary: "Give a definition, or a cluster's labels, another owner: the API, a Source or an AppSet",
        body: handOverRequest,
        response: { 200: handOverResult },
      },
    },
    (request) => commands.handOver(actor(request), request.body),
  );

  api.get(
    "/v1/definitions",
    {
      schema: {
        operationId: "listDefinitions",
        tags,
        summary: "Definitions as they are stored, defaults filled in",
        querystring: z.object({ kind: z.enum(["Source", "App", "AppSet", "Project", "Cluster"]) }),
        response: { 200: listOf(storedDefinition) },
      },
    },
    async (request) => ({ items: [...(await queries.definitions(request.query.kind))] }),
  );
}
