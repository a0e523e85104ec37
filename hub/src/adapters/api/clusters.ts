import { name } from "@muster/shared/model/ids.ts";
import { labels } from "@muster/shared/model/selector.ts";
import { z } from "zod";
import { clusterView, labelResult, registration } from "../../core/views.ts";
import { type Api, listOf, nameParams, noContent, type RouteContext } from "./routes.ts";

const registerBody = z.strictObject({ name, labels: labels.default({}) });
const labelBody = z.strictObject({
  labels: z.strictObject({ set: labels.default({}), remove: z.array(z.string().max(317)).max(100).default([]) }),
  dryRun: z.boolean().default(false),
});

export function addClusterRoutes(api: Api, { commands, queries, actor }: RouteContext): void {
  const tags = ["clusters"];
  api.get(
    "/v1/clusters",
    {
      schema: {
        operationId: "listClusters",
        tags,
        summary: "Every registered cluster",
        response: { 200: listOf(clusterView) },
      },
    },
    async () => ({ items: [...(await queries.clusters())] }),
  );

  api.post(
    "/v1/clusters",
    {
      schema: {
        operationId: "registerCluster",
        tags,
        summary: "Register a cluster, or make a new join token for one that is registered",
        description: "The token is shown once, works once, and for an hour.",
        body: registerBody,
        response: { 201: registration },
      },
    },
    async (request, reply) => reply.code(201).send(await commands.registerCluster(actor(request), request.body)),
  );

  api.get(
    "/v1/clusters/:name",
    {
      schema: {
        operationId: "getCluster",
        tags,
        summary: "One cluster",
        params: nameParams,
        response: { 200: clusterView },
      },
    },
    (request) => queries.cluster(request.params.name),
  );

  api.patch(
    "/v1/clusters/:name",
    {
      schema: {
        operationId: "labelCluster",
        tags,
        summary: "Set and remove labels, and say which Apps move by it",
        params: nameParams,
        body: labelBody,
        response: { 200: labelResult },
      },
    },
    (request) => {
      const { labels: change, dryRun } = request.body;
      return commands.labelCluster(actor(request), request.params.name, change, { dryRun });
    },
  );

  api.delete(
    "/v1/clusters/:name",
    {
      schema: {
        operationId: "removeCluster",
        tags,
        summary: "Revoke a cluster's identity and forget it; what runs there keeps running",
        params: nameParams,
        response: { 204: noContent },
      },
    },
    async (request, reply) => {
      await commands.removeCluster(actor(request), request.params.name);
      return reply.code(204).send();
    },
  );
}
