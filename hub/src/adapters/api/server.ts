import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import rateLimit from "@fastify/rate-limit";
import { AppError } from "@muster/shared/errors.ts";
import type { Log } from "@muster/shared/log.ts";
import fastify from "fastify";
import type { Enrolment } from "../../ports/enrolment.ts";
import type { Actor, HubCommands, HubQueries } from "../../ports/hub-commands.ts";
import { addAppSetRoutes, addProjectRoutes } from "./app-sets.ts";
import { addApprovalRoutes } from "./approvals.ts";
import { addAppRoutes } from "./apps.ts";
import { type Authenticate, actorOf } from "./auth.ts";
import { addClusterRoutes } from "./clusters.ts";
import { addDefinitionRoutes } from "./definitions.ts";
import { addHealthRoutes } from "./health.ts";
import { addHookRoutes } from "./hooks.ts";
import { addJoinRoutes } from "./join.ts";
import { describeApi } from "./openapi.ts";
import { toProblem, validateRequest } from "./problems.ts";
import { addRollbackRoutes } from "./rollbacks.ts";
import type { Api, RouteContext } from "./routes.ts";
import { addSchemaRoutes, SCHEMA_ROUTE } from "./schemas.ts";
import { addSourceRoutes } from "./sources.ts";
import { addStatusRoutes } from "./status.ts";

export interface ApiServerOptions {
  readonly commands: HubCommands;
  readonly queries: HubQueries;
  readonly enrolment: Enrolment;
  readonly authenticate: Authenticate;
  /** PEM; null when nothing will listen. The chain should end in the hub's root, so that a client that knows its hash can find it. */
  readonly tls: TlsPair | null;
  /** Prometheus text. */
  readonly metricsText: () => Promise<string>;
  /** Of signed webhooks, one on each line; null refuses them all. */
  readonly webhookSecret: string | null;
  /** Milliseconds since the epoch, for signatures with a time in them; the machine's clock unless told. */
  readonly now?: () => number;
  readonly log: Log;
  readonly version: string;
}

export interface TlsPair {
  readonly certificate: string;
  readonly key: string;
}

export interface ApiServer {
  /** Resolves with the address that is served; port 0 chooses a free one. @throws AppError "unavailable". */
  listen(host: string, port: number): Promise<{ host: string; port: number }>;
  /** New connections are served with this pair from now on. */
  setTls(pair: TlsPair): void;
  /** Ends event streams, lets running requests finish, and stops. */
  close(): Promise<void>;
  /** The OpenAPI 3.1 document. */
  document(): Promise<object>;
  /** A request without a socket, for tests. */
  readonly inject: Api["inject"];
}

const LIMITS = {
  bodyBytesMax: 1024 * 1024,
  headerBytesMax: 16 * 1024,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  idleTimeoutMs: 75_000,
  handlerTimeoutMs: 30_000,
  connectionsMax: 4_096,
  closeTimeoutMs: 5_000,
} as const;

/** The hub's REST API over HTTPS. Nothing listens before `listen`. */
export async function createApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const server = createHttpsServer({
    ...(options.tls === null ? {} : { cert: options.tls.certificate, key: options.tls.key }),
    minVersion: "TLSv1.2",
    maxHeaderSize: LIMITS.headerBytesMax,
    headersTimeout: LIMITS.headersTimeoutMs,
    requestTimeout: LIMITS.requestTimeoutMs,
    keepAliveTimeout: LIMITS.idleTimeoutMs,
  });
  server.maxConnections = LIMITS.connectionsMax;
  const closing = new AbortController();
  const api = await buildApi(options, server, closing);

  return {
    async listen(host, port) {
      try {
        await api.listen({ host, port });
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        const reason = code === "EADDRINUSE" ? "another process has that port" : String(code ?? error);
        throw new AppError("unavailable", `cannot serve on ${host}:${port}: ${reason}`, { cause: error });
      }
      const address = server.address() as AddressInfo;
      return { host: address.address, port: address.port };
    },
    setTls(pair) {
      server.setSecureContext({ cert: pair.certificate, key: pair.key, minVersion: "TLSv1.2" });
    },
    async close() {
      closing.abort();
      const lingering = setTimeout(() => server.closeAllConnections(), LIMITS.closeTimeoutMs);
      await api.close().finally(() => clearTimeout(lingering));
    },
    async document() {
      await api.ready();
      return api.swagger();
    },
    inject: api.inject.bind(api) as Api["inject"],
  };
}

async function buildApi(
  options: ApiServerOptions,
  server: ReturnType<typeof createHttpsServer>,
  closing: AbortController,
): Promise<Api> {
  const { commands, queries, log } = options;
  const api = fastify({
    serverFactory: (handler) => server.on("request", handler),
    bodyLimit: LIMITS.bodyBytesMax,
    handlerTimeout: LIMITS.handlerTimeoutMs,
    forceCloseConnections: "idle",
    routerOptions: { maxParamLength: 256 },
    logger: false,
  }) as unknown as Api;
  api.setValidatorCompiler(validateRequest);
  // Answers are the core's own typed views: they are checked against their schemas in tests, not at every request.
  api.setSerializerCompiler(() => (data) => JSON.stringify(data));
  answerProblems(api, log);

  await describeApi(api, { version: options.version });
  await api.register(rateLimit, { global: false, cache: 10_000 });
  const actors = new WeakMap<object, Actor>();
  const openPaths = new Set(["/v1/join", "/v1/renew", SCHEMA_ROUTE]);
  api.addHook("onRequest", async (request) => {
    const route = request.routeOptions.url ?? request.url;
    if (!route.startsWith("/v1/") || openPaths.has(route)) return;
    actors.set(request, actorOf(request, options.authenticate));
  });
  api.addHook("onResponse", async (request, reply) => {
    const isRead = request.method === "GET" || request.method === "HEAD";
    log[isRead ? "debug" : "info"](
      {
        method: request.method,
        route: request.routeOptions.url ?? "none",
        status: reply.statusCode,
        ms: Math.round(reply.elapsedTime),
        actor: actors.get(request)?.name,
        from: request.ip,
      },
      "request answered",
    );
  });

  const context: RouteContext = {
    commands,
    queries,
    closing: closing.signal,
    actor(request) {
      const actor = actors.get(request);
      if (actor === undefined) throw new Error("a handler under /v1 ran without authentication");
      return actor;
    },
  };
  addClusterRoutes(api, context);
  addSourceRoutes(api, context);
  addAppRoutes(api, context);
  addAppSetRoutes(api, context);
  addProjectRoutes(api, context);
  addApprovalRoutes(api, context);
  addDefinitionRoutes(api, context);
  addRollbackRoutes(api, context);
  addStatusRoutes(api, context);
  addJoinRoutes(api, { enrolment: options.enrolment });
  addSchemaRoutes(api);
  addHealthRoutes(api, { queries, metricsText: options.metricsText });
  await addHookRoutes(api, { commands, webhookSecret: options.webhookSecret, now: options.now ?? Date.now });
  api.get("/openapi.json", { schema: { hide: true } }, async () => api.swagger());
  return api;
}

/** Every refusal and failure leaves as one problem document; only the hub's own faults are logged as errors. */
function answerProblems(api: Api, log: Log): void {
  api.setErrorHandler((error: unknown, request, reply) => {
    const problem = toProblem(error, request.id);
    if (problem.isFault)
      log.error({ err: error, requestId: request.id, route: request.routeOptions.url }, "request failed");
    if (problem.retryAfterSeconds !== null) reply.header("retry-after", problem.retryAfterSeconds);
    if (problem.body.status === 401) reply.header("www-authenticate", 'Bearer realm="muster"');
    return reply.code(problem.body.status).type("application/problem+json").send(problem.body);
  });
  api.setNotFoundHandler((request, reply) => {
    const problem = toProblem(
      new AppError("not-found", `Nothing is served at ${request.method} ${request.url.split("?")[0]}.`),
    );
    return reply.code(404).type("application/problem+json").send(problem.body);
  });
}
