import { Agent, type ClientRequest, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as TlsAgent, request as tlsRequest } from "node:https";
import { cancelled } from "@muster/shared/clock.ts";
import { withDeadline } from "@muster/shared/deadline.ts";
import { AppError, type ErrorCode, isAppError, messageOf } from "@muster/shared/errors.ts";
import type { RenderCallOptions, Renderer, RenderJob, RenderResult } from "../../../ports/renderer.ts";
import { readFrames, writeFrames } from "./frames.ts";
import {
  jobFrames,
  RENDERERS_PATH,
  RESULT_BYTES_MAX,
  type RemoteKind,
  type RendererFacts,
  refusal,
  renderersAnswer,
  renderPath,
  resultHeader,
} from "./protocol.ts";

export type RendererAddress =
  | { readonly kind: "socket"; readonly path: string }
  /** PEM: the server's root, and the certificate that the hub shows. */
  | {
      readonly kind: "tls";
      readonly host: string;
      readonly port: number;
      readonly root: string;
      readonly certificate: string;
      readonly key: string;
    };

export interface RemoteRenderersOptions {
  readonly address: RendererAddress;
  /** For people, before what is told of its isolation there. */
  readonly where: string;
  /** What a render reads is found out here: trees do not travel. */
  readonly tracers: Readonly<Record<RemoteKind, Renderer["trace"]>>;
}

export interface RemoteRenderers {
  readonly renderers: Readonly<Record<RemoteKind, Renderer>>;
  close(): Promise<void>;
}

const FACTS_TIMEOUT_MS = 10_000;
/** On top of a render's own limit: it may wait for its turn there. */
const WAITING_MS_MAX = 600_000;
const SOCKETS_MAX = 64;
const PASSED_ON: readonly ErrorCode[] = ["invalid", "too-large", "unavailable"];

/**
 * Kustomize and helm that run in another process.
 * @throws AppError "unavailable" when it cannot be reached, "unsupported" when it speaks otherwise.
 */
export async function createRemoteRenderers(options: RemoteRenderersOptions): Promise<RemoteRenderers> {
  const remote = new Remote(options.address);
  const create = (kind: RemoteKind): Renderer => ({
    kind,
    get version() {
      return remote.factsOf(kind).version;
    },
    get isolation() {
      return `${options.where}${remote.factsOf(kind).isolation}`;
    },
    prepare: () => {},
    trace: options.tracers[kind],
    render: (job, opts) => remote.render(kind, job, opts),
    close: async () => {},
  });
  try {
    await remote.learn(withDeadline(FACTS_TIMEOUT_MS));
  } catch (error) {
    remote.close();
    throw error;
  }
  return { renderers: { kustomize: create("kustomize"), helm: create("helm") }, close: async () => remote.close() };
}

class Remote {
  readonly #address: RendererAddress;
  readonly #agent: Agent;
  readonly #closing = new AbortController();
  #facts: readonly RendererFacts[] = [];

  constructor(address: RendererAddress) {
    this.#address = address;
    const opts = { keepAlive: true, maxSockets: SOCKETS_MAX };
    this.#agent = address.kind === "tls" ? new TlsAgent(opts) : new Agent(opts);
  }

  factsOf(kind: RemoteKind): RendererFacts {
    const found = this.#facts.find((facts) => facts.kind === kind);
    return found ?? { kind, version: `${kind} missing`, isolation: `nothing is run: it has no ${kind}` };
  }

  async learn(signal: AbortSignal): Promise<void> {
    const response = await this.#send("GET", RENDERERS_PATH, signal, async (request) => void request.end());
    const parsed = renderersAnswer.safeParse(await readJson(response));
    if (!parsed.success) throw new AppError("unsupported", `${this.#name} is no renderer of this version of Muster`);
    this.#facts = parsed.data.renderers;
  }

  async render(kind: RemoteKind, job: RenderJob, { signal, fairnessKey }: RenderCallOptions): Promise<RenderResult> {
    const { version } = this.factsOf(kind);
    const stop = AbortSignal.any([signal, this.#closing.signal]);
    const either = withDeadline(job.limits.timeoutMsMax + WAITING_MS_MAX, stop);
    try {
      const response = await this.#send("POST", renderPath(kind), either, async (request) => {
        await writeFrames(request, jobFrames(job, { version, fairnessKey }), either);
        request.end();
      });
      return await readResult(response);
    } catch (error) {
      if (stop.aborted) throw cancelled("rendering", stop.reason);
      if (!isAppError(error, "conflict")) throw error;
      // It was replaced under us. What is tried again is tried as what it is now.
      await this.learn(withDeadline(FACTS_TIMEOUT_MS, stop));
      const message = `${this.#name} was replaced by ${this.factsOf(kind).version}; this is tried again with it`;
      throw new AppError("unavailable", message, { cause: error });
    }
  }

  close(): void {
    this.#closing.abort();
    this.#agent.destroy();
  }

  get #name(): string {
    return this.#address.kind === "socket"
      ? `the renderer at ${this.#address.path}`
      : `the renderer at ${this.#address.host}:${this.#address.port}`;
  }

  /** The answer, when it is no refusal. */
  async #send(
    method: string,
    path: string,
    signal: AbortSignal,
    write: (request: ClientRequest) => Promise<void>,
  ): Promise<IncomingMessage> {
    const response = await this.#respond(method, path, signal, write);
    if (response.statusCode === 200) return response;
    const parsed = refusal.safeParse(await readJson(response).catch(() => null));
    if (!parsed.success) throw new AppError("unavailable", `${this.#name} answered ${response.statusCode}`);
    const { code, message } = parsed.data;
    if (code === "conflict") throw new AppError("conflict", message);
    throw new AppError(PASSED_ON.find((known) => known === code) ?? "unavailable", `${this.#name}: ${message}`);
  }

  #respond(
    method: string,
    path: string,
    signal: AbortSignal,
    write: (request: ClientRequest) => Promise<void>,
  ): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const fail = (cause: unknown): void =>
        reject(new AppError("unavailable", `${this.#name} cannot be reached: ${messageOf(cause)}`, { cause }));
      const request = this.#open(method, path, signal);
      request.once("response", resolve);
      request.once("error", fail);
      write(request).catch((error: unknown) => {
        request.destroy();
        fail(error);
      });
    });
  }

  #open(method: string, path: string, signal: AbortSignal): ClientRequest {
    const address = this.#address;
    const common = { method, path, signal, agent: this.#agent };
    if (address.kind === "socket") return httpRequest({ ...common, socketPath: address.path });
    const { host, port, root, certificate, key } = address;
    return tlsRequest({ ...common, host, port, ca: root, cert: certificate, key, minVersion: "TLSv1.3" });
  }
}

async function readResult(response: IncomingMessage): Promise<RenderResult> {
  const frames = readFrames(response, { bytesMax: RESULT_BYTES_MAX });
  const next = async (): Promise<Buffer> => {
    const { value } = await frames.next();
    if (value === undefined) throw new AppError("unavailable", "the renderer's answer is not complete");
    return value;
  };
  const header = resultHeader.parse(JSON.parse((await next()).toString("utf8")));
  if (header.kind === "invalid") return { kind: "invalid", problems: header.problems };
  const manifests = [];
  for (const { path, isOutput } of header.manifests) {
    manifests.push({ path, bytes: await next(), ...(isOutput ? { isOutput } : {}) });
  }
  return { kind: "rendered", manifests, notices: header.notices };
}

const JSON_BYTES_MAX = 64 * 1_024;

async function readJson(response: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > JSON_BYTES_MAX) throw new AppError("unsupported", "the renderer's answer is too long");
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch (cause) {
    throw new AppError("unsupported", "the renderer's answer is no JSON", { cause });
  }
}
