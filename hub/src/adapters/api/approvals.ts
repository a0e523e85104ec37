import { z } from "zod";
import { approvalDecision, approvalView } from "../../core/views.ts";
import { type Api, listOf, type RouteContext } from "./routes.ts";

const params = z.object({ id: z.string().regex(/^[a-z0-9-]{1,64}$/, "an approval's id reads ap-1f2e3d4c") });

/** The one place for everything that waits for a person. */
export function addApprovalRoutes(api: Api, { commands, queries, actor }: RouteContext): void {
  const tags = ["approvals"];
  api.get(
    "/v1/approvals",
    {
      schema: {
        operationId: "listApprovals",
        tags,
        summary: "What waits for a person, and what was decided lately; newest first",
        querystring: z.object({ state: approvalView.shape.state.optional() }),
        response: { 200: listOf(approvalView) },
      },
    },
    async ({ query }) => ({
      items: (await queries.approvals()).filter(({ state }) => query.state === undefined || state === query.state),
    }),
  );

  api.get(
    "/v1/approvals/:id",
    { schema: { operationId: "getApproval", tags, summary: "One approval", params, response: { 200: approvalView } } },
    (request) => queries.approval(request.params.id),
  );

  api.post(
    "/v1/approvals/:id/grant",
    {
      schema: {
        operationId: "grantApproval",
        tags,
        summary: "Let go exactly what the approval names",
        params,
        body: approvalDecision,
        response: { 200: approvalView },
      },
    },
    (request) => commands.grantApproval(actor(request), request.params.id, request.body),
  );

  api.post(
    "/v1/approvals/:id/deny",
    {
      schema: {
        operationId: "denyApproval",
        tags,
        summary: "Leave what the approval names as it is, until its App's definition changes",
        params,
        body: approvalDecision,
        response: { 200: approvalView },
      },
    },
    (request) => commands.denyApproval(actor(request), request.params.id, request.body),
  );
}
