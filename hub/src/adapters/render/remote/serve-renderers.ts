import { lstatSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { AppError, type ErrorCode, isAppError, messageOf } from "@muster/shared/errors.ts";
import type { Log } from "@muster/shared/log.ts";
import type { Renderer, RenderJob } from "../../../ports/renderer.ts";
import { readFrames, writeFrames } from "./frames.ts";
import {
  JOB_BYTES_MAX,
  type JobHeader,
  jobHeader,
  RENDERERS_PATH,
  type RemoteKind,
  renderPath,
  resultFrames,
} from "./protocol.ts";

export type RendererListen =
  | { readonly kind: "socket"; readonly path: string }
  /** Only who shows a certificate of `clientRoot` is listened to. PEM. */
  | {
      readonly kind: "tls";
      readonly host: string;
      readonly port: number;
      readonly certificate: string;
      readonly key: string;
      readonly clientRoot: string;
    };

export interface ServeRenderersOptions {
  readonly renderers: Readonly<Record<RemoteKind, Renderer>>;
  readonly listen: RendererListen;
  readonly log: Log;
}

const STATUS: Readonly<Partial<Record<ErrorCode, number>>> = {
  invalid: 400,
  corrupt: 400,
  "not-found": 404,
  conflict: 409,
  "too-large": 413,
};
/** A job is read at once or not at all; how long its render may take is its own limit. */
const REQUEST_TIMEOUT_MS = 120_000;
const CONNECTIONS_MAX = 256;

/** Serves kustomize and helm to a hub in another container. `port` is 0 on a socket. */
export async function serveRenderers(
  options: ServeRenderersOptions,
): Promise<{ readonly port: number; close(): Promise<void> }> {
  const { listen, log } = options;
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    answer(options, request, response).catch((error: unknown) => {
      if (!isAppError(error, "cancelled")) log.warn({ err: error, path: request.url }, "a render was not answered");
      refuse(response, error);
    });
  };
  const server: Server =
    listen.kind === "socket"
      ? createServer(handle)
      : createTlsServer(
          {
            cert: listen.certificate,
            key: listen.key,
            ca: listen.clientRoot,
            requestCert: true,
            minVersion: "TLSv1.3",
          },
          handle,
        );
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  server.maxConnections = CONNECTIONS_MAX;
  if (listen.kind === "socket") removeLeftSocket(listen.path);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    if (listen.kind === "socket") server.listen(listen.path, resolve);
    else server.listen(listen.port, listen.host, resolve);
  });
  const address = server.address();
  return {
    port: typeof address === "string" || address === null ? 0 : (address as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** One that was killed leaves its socket, and nobody could listen there again. */
function removeLeftSocket(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket()) rmSync(path, { force: true });
}

async function answer(
  { renderers }: ServeRenderersOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const all = Object.values(renderers);
  if (request.method === "GET" && request.url === RENDERERS_PATH) {
    const facts = all.map(({ kind, version, isolation }) => ({ kind, version, isolation }));
    response.setHeader("content-type", "application/json").end(JSON.stringify({ renderers: facts }));
    return;
  }
  const renderer = all.find(({ kind }) => request.method === "POST" && request.url === renderPath(kind));
  if (renderer === undefined) throw new AppError("not-found", `there is no ${request.method} ${request.url} here`);
  // The hub gave up, or is gone: nobody wants the result.
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  const { header, job } = await readJob(request);
  if (header.version !== renderer.version) {
    throw new AppError("conflict", `this is ${renderer.version}, and ${header.version} is wanted`);
  }
  if (header.request.options.kind !== renderer.kind)
    throw new AppError("invalid", `this job is not for ${renderer.kind}`);
  const result = await renderer.render(job, { signal: gone.signal, fairnessKey: header.fairnessKey });
  response.setHeader("content-type", "application/octet-stream");
  await writeFrames(response, resultFrames(result), gone.signal);
  response.end();
}

async function readJob(request: IncomingMessage): Promise<{ header: JobHeader; job: RenderJob }> {
  const frames = readFrames(request, { bytesMax: JOB_BYTES_MAX });
  const next = async (): Promise<Buffer> => {
    const { value } = await frames.next();
    if (value === undefined) throw new AppError("corrupt", "a job is not complete");
    return value;
  };
  const parsed = jobHeader.safeParse(parseJson(await next()));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new AppError("invalid", `a job is not understood: ${issue?.path.join(".")}: ${issue?.message}`);
  }
  const header = parsed.data;
  const files: RenderJob["files"][number][] = [];
  for (const file of header.files) files.push({ ...file, bytes: await next() });
  const chart = header.hasChart ? await next() : null;
  if (!(await frames.next()).done) throw new AppError("corrupt", "a job has more than it says");
  const { request: what, limits } = header;
  return { header, job: { request: what, files, chart, limits } };
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch (cause) {
    throw new AppError("corrupt", "a job's header is no JSON", { cause });
  }
}

function refuse(response: ServerResponse, error: unknown): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const code = isAppError(error) ? error.code : "unavailable";
  response.statusCode = STATUS[code] ?? 503;
  response.setHeader("content-type", "application/json").setHeader("connection", "close");
  response.end(JSON.stringify({ code, message: messageOf(error).slice(0, 2_000) }));
}
