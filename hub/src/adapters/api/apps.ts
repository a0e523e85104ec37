import { name } from "@muster/shared/model/ids.ts";
import { z } from "zod";
import {
  appDetailView,
  appView,
  deletionResult,
  moveResult,
  placementDetailView,
  releaseView,
  shipRequest,
  traceView,
  whyView,
} from "../../core/views.ts";
import { type Api, listOf, type RouteContext, scopedParams } from "./routes.ts";

/** Sent as it is: what is in it is checked by its digest. */
const bytes = z.string().meta({ format: "binary" });

export function addAppRoutes(api: Api, { commands, queries, actor }: RouteContext): void {
  const tags = ["apps"];
  api.get(
    "/v1/apps",
    {
      schema: {
        operationId: "listAllApps",
        tags,
        summary: "The Apps of every project",
        response: { 200: listOf(appView) },
      },
    },
    async () => ({ items: [...(await queries.apps())] }),
  );

  api.get(
    "/v1/projects/:project/apps",
    {
      schema: {
        operationId: "listApps",
        tags,
        summary: "The Apps of one project",
        params: z.object({ project: name }),
        response: { 200: listOf(appView) },
      },
    },
    async (request) => ({ items: (await queries.apps()).filter((app) => app.project === request.params.project) }),
  );

  api.get(
    "/v1/projects/:project/apps/:name",
    {
      schema: {
        operationId: "getApp",
        tags,
        summary: "One App, with where it stands in each of its clusters",
        params: scopedParams,
        response: { 200: appDetailView },
      },
    },
    (request) => queries.app(request.params),
  );

  api.delete(
    "/v1/projects/:project/apps/:name",
    {
      schema: {
        operationId: "deleteApp",
        tags,
        summary: "Send every cluster a tombstone; the App is gone when each has confirmed",
        params: scopedParams,
        response: { 202: deletionResult },
      },
    },
    async (request, reply) => reply.code(202).send(await commands.deleteApp(actor(request), request.params)),
  );

  api.post(
    "/v1/projects/:project/apps/:name/move",
    {
      schema: {
        operationId: "moveApp",
        tags,
        summary: "Give the App another name; its objects stay and are handed over. Safe to repeat",
        params: scopedParams,
        body: z.object({ to: name, dryRun: z.boolean().default(false) }),
        response: { 200: moveResult },
      },
    },
    (request) => commands.moveApp(actor(request), { from: request.params, ...request.body }),
  );

  api.get(
    "/v1/projects/:project/apps/:name/placements/:cluster",
    {
      schema: {
        operationId: "getPlacement",
        tags,
        summary: "The details of one App in one cluster: objects, drift, problems",
        params: scopedParams.extend({ cluster: name }),
        response: { 200: placementDetailView },
      },
    },
    ({ params }) => queries.placement({ project: params.project, name: params.name }, params.cluster),
  );

  addHistoryRoutes(api, { queries });

  api.post(
    "/v1/projects/:project/apps/:name/releases/:number/ship",
    {
      schema: {
        operationId: "shipRelease",
        tags,
        summary: "Let a held Release go, which nothing but a renderer of another version made",
        params: scopedParams.extend({ number: z.coerce.number().int().min(1) }),
        body: shipRequest,
        response: { 200: releaseView },
      },
    },
    (request) => {
      const { project, name, number } = request.params;
      return commands.shipRelease(actor(request), { project, name }, number, request.body);
    },
  );

  api.delete(
    "/v1/projects/:project/apps/:name/pin",
    {
      schema: {
        operationId: "unpinApp",
        tags,
        summary: "Lift the pin: the App follows Git again",
        params: scopedParams,
        querystring: z.object({ reason: z.string().min(1).max(500).default("no reason given") }),
        response: { 200: appView },
      },
    },
    (request) => commands.unpin(actor(request), request.params, { reason: request.query.reason }),
  );
}

function addHistoryRoutes(api: Api, { queries }: Pick<RouteContext, "queries">): void {
  const tags = ["apps"];
  api.get(
    "/v1/projects/:project/apps/:name/releases",
    {
      schema: {
        operationId: "listReleases",
        tags,
        summary: "The App's Releases, newest first",
        params: scopedParams,
        response: { 200: listOf(releaseView) },
      },
    },
    async (request) => ({
      items: [...(await queries.releases(request.params))].sort((a, b) => b.number - a.number),
    }),
  );

  api.get(
    "/v1/projects/:project/apps/:name/releases/:release/bundle",
    {
      schema: {
        operationId: "getBundle",
        tags,
        summary: "What a Release holds for a cluster, as agents get it: canonical JSON, one object a line, in zstd",
        description:
          "`release` is a number, or `current`: what is assigned to the cluster now. Where clusters get different bundles, one must be named. The headers muster-release, muster-digest and muster-namespace (of objects that name none) tell what it is.",
        params: scopedParams.extend({
          release: z.union([z.literal("current"), z.coerce.number().int().min(1)]),
        }),
        querystring: z.object({ cluster: name.optional() }),
        response: {
          200: { description: "the bundle", content: { "application/zstd": { schema: bytes } } },
        },
      },
    },
    async (request, reply) => {
      const { project, name, release } = request.params;
      const { compressed, ...found } = await queries.bundle(
        { project, name },
        { release: release === "current" ? null : release, cluster: request.query.cluster ?? null },
      );
      reply.header("content-type", "application/zstd");
      reply.header("muster-release", found.release);
      reply.header("muster-digest", found.digest);
      reply.header("muster-namespace", found.namespace);
      const body = Buffer.from(compressed.buffer, compressed.byteOffset, compressed.byteLength);
      return reply.send(body as unknown as string); // bytes, whatever their schema is called
    },
  );

  api.get(
    "/v1/projects/:project/apps/:name/why",
    {
      schema: {
        operationId: "whyApp",
        tags,
        summary: "Why the App is as it is, over all or in one cluster; with a commit, what became of that",
        params: scopedParams,
        querystring: z.object({
          cluster: name.optional(),
          commit: z
            .string()
            .regex(/^[0-9a-f]{4,64}$/, "a commit is 4 to 64 lower-case hex digits")
            .optional(),
        }),
        response: { 200: whyView },
      },
    },
    (request) => queries.why(request.params, request.query.cluster ?? null, request.query.commit ?? null),
  );

  api.get(
    "/v1/projects/:project/apps/:name/trace",
    {
      schema: {
        operationId: "traceApp",
        tags,
        summary: "When the last few Revisions passed each arrow on their way to the clusters and back",
        params: scopedParams,
        response: { 200: listOf(traceView) },
      },
    },
    async (request) => ({ items: [...(await queries.trace(request.params))] }),
  );
}
