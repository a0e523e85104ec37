import { name } from "@muster/shared/model/ids.ts";
import { z } from "zod";
import { appSetView, projectView } from "../../core/views.ts";
import { type Api, listOf, nameParams, noContent, type RouteContext, scopedParams } from "./routes.ts";

export function addAppSetRoutes(api: Api, { commands, queries, actor }: RouteContext): void {
  const tags = ["appsets"];
  api.get(
    "/v1/appsets",
    {
      schema: {
        operationId: "listAllAppSets",
        tags,
        summary: "The AppSets of every project",
        response: { 200: listOf(appSetView) },
      },
    },
    async () => ({ items: [...(await queries.appSets())] }),
  );

  api.get(
    "/v1/projects/:project/appsets",
    {
      schema: {
        operationId: "listAppSets",
        tags,
        summary: "The AppSets of one project",
        params: z.object({ project: name }),
        response: { 200: listOf(appSetView) },
      },
    },
    async (request) => ({ items: (await queries.appSets()).filter((set) => set.project === request.params.project) }),
  );

  api.get(
    "/v1/projects/:project/appsets/:name",
    {
      schema: {
        operationId: "getAppSet",
        tags,
        summary: "One AppSet: how many Apps it keeps, and what is wrong",
        params: scopedParams,
        response: { 200: appSetView },
      },
    },
    (request) => queries.appSet(request.params),
  );

  api.delete(
    "/v1/projects/:project/appsets/:name",
    {
      schema: {
        operationId: "deleteAppSet",
        tags,
        summary: "Delete an AppSet and its Apps; each App is gone when every cluster has confirmed its tombstone",
        params: scopedParams,
        response: { 202: noContent },
      },
    },
    async (request, reply) => {
      await commands.deleteAppSet(actor(request), request.params);
      return reply.code(202).send();
    },
  );
}

export function addProjectRoutes(api: Api, { commands, queries, actor }: RouteContext): void {
  const tags = ["projects"];
  api.get(
    "/v1/projects",
    {
      schema: {
        operationId: "listProjects",
        tags,
        summary: "Every Project that is defined",
        response: { 200: listOf(projectView) },
      },
    },
    async () => ({ items: [...(await queries.projects())] }),
  );

  api.delete(
    "/v1/projects/:name",
    {
      schema: {
        operationId: "deleteProject",
        tags,
        summary: "Delete a Project that holds nothing any more",
        params: nameParams,
        response: { 204: noContent },
      },
    },
    async (request, reply) => {
      await commands.deleteProject(actor(request), request.params.name);
      return reply.code(204).send();
    },
  );
}
