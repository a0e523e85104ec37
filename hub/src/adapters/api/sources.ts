import { name } from "@muster/shared/model/ids.ts";
import { z } from "zod";
import { sourceView } from "../../core/views.ts";
import { type Api, listOf, noContent, type RouteContext, scopedParams } from "./routes.ts";

export function addSourceRoutes(api: Api, { commands, queries, actor }: RouteContext): void {
  const tags = ["sources"];
  api.get(
    "/v1/sources",
    {
      schema: {
        operationId: "listAllSources",
        tags,
        summary: "The Sources of every project",
        response: { 200: listOf(sourceView) },
      },
    },
    async () => ({ items: [...(await queries.sources())] }),
  );

  api.get(
    "/v1/projects/:project/sources",
    {
      schema: {
        operationId: "listSources",
        tags,
        summary: "The Sources of one project",
        params: z.object({ project: name }),
        response: { 200: listOf(sourceView) },
      },
    },
    async (request) => ({
      items: (await queries.sources()).filter((source) => source.project === request.params.project),
    }),
  );

  api.get(
    "/v1/projects/:project/sources/:name",
    {
      schema: {
        operationId: "getSource",
        tags,
        summary: "One Source: its Revision, when it was looked at, and what is wrong with it",
        params: scopedParams,
        response: { 200: sourceView },
      },
    },
    (request) => queries.source(request.params),
  );

  api.delete(
    "/v1/projects/:project/sources/:name",
    {
      schema: {
        operationId: "deleteSource",
        tags,
        summary: "Stop tracking a repository. Its Apps stay where they are",
        params: scopedParams,
        response: { 204: noContent },
      },
    },
    async (request, reply) => {
      await commands.deleteSource(actor(request), request.params);
      return reply.code(204).send();
    },
  );

  api.post(
    "/v1/projects/:project/sources/:name/refresh",
    {
      schema: {
        operationId: "refreshSource",
        tags,
        summary: "Look at the repository now instead of at the next poll",
        params: scopedParams,
        response: { 202: noContent },
      },
    },
    async (request, reply) => {
      await commands.wakeSource(request.params);
      return reply.code(202).send();
    },
  );
}
