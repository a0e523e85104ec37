import { messageOf } from "@muster/shared/errors.ts";
import { z } from "zod";
import type { HubQueries } from "../../ports/hub-commands.ts";
import type { Api } from "./routes.ts";

const readiness = z.object({ ready: z.boolean(), waitingFor: z.array(z.string()) });

/** For probes and scrapers: they carry no token, and these answers tell nothing about what is deployed. */
export function addHealthRoutes(
  api: Api,
  { queries, metricsText }: { queries: HubQueries; metricsText: () => Promise<string> },
): void {
  const schema = { tags: ["health"], security: [] };
  api.get(
    "/healthz",
    {
      schema: {
        ...schema,
        operationId: "healthz",
        summary: "The process answers",
        response: { 200: z.object({ status: z.literal("ok") }) },
      },
    },
    async () => ({ status: "ok" as const }),
  );

  api.get(
    "/readyz",
    {
      schema: {
        ...schema,
        operationId: "readyz",
        summary: "The hub can serve; otherwise what it waits for",
        response: { 200: readiness, 503: readiness },
      },
    },
    async (_request, reply) => {
      const { ready, waitingFor } = queries.isReady();
      return reply.code(ready ? 200 : 503).send({ ready, waitingFor: [...waitingFor] });
    },
  );

  api.get(
    "/metrics",
    {
      schema: {
        ...schema,
        operationId: "metrics",
        summary: "Prometheus text",
        response: { 200: { description: "metrics", content: { "text/plain": { schema: z.string() } } } },
      },
    },
    async (request, reply) => {
      reply.header("content-type", "text/plain; version=0.0.4; charset=utf-8");
      try {
        return await reply.send(await metricsText());
      } catch (error) {
        request.log.warn({ reason: messageOf(error) }, "metrics not collected");
        throw error;
      }
    },
  );
}
