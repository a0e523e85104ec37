import type { IncomingMessage, ServerResponse } from "node:http";
import { name } from "@muster/shared/model/ids.ts";
import type { FastifyBaseLogger, FastifyInstance, FastifyRequest, RawServerBase } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import { z } from "zod";
import type { Actor, HubCommands, HubQueries } from "../../ports/hub-commands.ts";

/** The fastify instance that routes are added to, typed by their zod schemas. */
export type Api = FastifyInstance<
  RawServerBase,
  IncomingMessage,
  ServerResponse<IncomingMessage>,
  FastifyBaseLogger,
  ZodTypeProvider
>;

/** What the routes under /v1 need. */
export interface RouteContext {
  readonly commands: HubCommands;
  readonly queries: HubQueries;
  /** Who is calling. Authentication has passed before any handler runs. */
  actor(request: FastifyRequest): Actor;
  /** Aborts when the server closes, so that long answers end. */
  readonly closing: AbortSignal;
}

export const scopedParams = z.object({ project: name, name });
export const nameParams = z.object({ name });

/** Lists are objects, so that a later version can add paging beside `items`. */
export const listOf = <T extends z.ZodType>(item: T) => z.object({ items: z.array(item) });

export const noContent = z.undefined().describe("done");
