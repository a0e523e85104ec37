import { z } from "zod";
import { recoverRequest, rollbackRequest, rollbackView } from "../../core/views.ts";
import type { Api, RouteContext } from "./routes.ts";

const recoveryView = z.object({ recovered: z.array(z.object({ app: z.string(), cluster: z.string() })) });

export function addRollbackRoutes(api: Api, { commands, actor }: RouteContext): void {
  api.post(
    "/v1/rollbacks",
    {
      schema: {
        operationId: "rollback",
        tags: ["rollbacks"],
        summary: "Take an App back to an earlier Release, and pin it there",
        body: rollbackRequest,
        response: { 200: rollbackView },
      },
    },
    (request) => commands.rollback(actor(request), request.body),
  );

  api.post(
    "/v1/recoveries",
    {
      schema: {
        operationId: "recover",
        tags: ["rollbacks"],
        summary: "Take charge again of clusters that are ahead of what this hub remembers",
        body: recoverRequest,
        response: { 200: recoveryView },
      },
    },
    (request) => commands.recover(actor(request), request.body),
  );
}
