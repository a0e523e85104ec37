import { Server, ServerCredentials, type ServiceDefinition } from "@grpc/grpc-js";
import type { Clock } from "@muster/shared/clock.ts";
import { AppError, messageOf } from "@muster/shared/errors.ts";
import type { Log } from "@muster/shared/log.ts";
import { MESSAGE_BYTES_MAX } from "@muster/shared/wire/read.ts";
import { LINK_METHODS } from "@muster/shared/wire/service.ts";
import type { AgentGate, AgentLink } from "../../../ports/agent-link.ts";
import type { CertificateAuthority, ServerCertificate } from "../../../ports/certificate-authority.ts";
import { type FrontDoor, openFrontDoor } from "./front-door.ts";
import { LINK_LIMITS, type LinkLimits } from "./limits.ts";
import { type ConnectCall, type FetchCall, peerOf } from "./peer.ts";
import { serveBundle, statusOf } from "./serve-bundle.ts";
import { type HubSideSession, serveSession } from "./session.ts";
import { createTurnstile } from "./turnstile.ts";

export interface GrpcAgentLinkOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** What agents dial, `host:port`, if it is another than what is bound (a load balancer, a port forward). */
  readonly advertise?: string;
  /** The root that client certificates come from, and the hub they must name. */
  readonly authority: Pick<CertificateAuthority, "root" | "hubId">;
  /** Must carry `LINK_SERVER_NAME`: what agents check, however they reach the hub. */
  readonly certificate: ServerCertificate;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits?: Partial<LinkLimits>;
}

const raw = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const codec = { requestSerialize: raw, requestDeserialize: raw, responseSerialize: raw, responseDeserialize: raw };
const service: ServiceDefinition = {
  connect: { path: LINK_METHODS.connect, requestStream: true, responseStream: true, ...codec },
  fetchBundle: { path: LINK_METHODS.fetchBundle, requestStream: false, responseStream: true, ...codec },
};

/** Control streams for each agent: one now, one that replaces it before the old one is known to be dead. */
const STREAMS_PER_CONNECTION_MAX = 8;
const IDLE_CONNECTION_MS = 60_000;
const SESSION_MEMORY_MB = 16;

/** The hub's end of the gRPC link: mutual TLS 1.3, one control stream for each agent, bundles on streams beside it. */
export function createGrpcAgentLink(opts: GrpcAgentLinkOptions): AgentLink {
  const limits = { ...LINK_LIMITS, ...opts.limits };
  const { clock, log } = opts;
  const sessions = new Set<HubSideSession>();
  const fetches = new Map<string, Set<AbortController>>();
  let fetchesUnderWay = 0;
  let door: FrontDoor | null = null;
  let server: Server | null = null;

  const hasSession = (cluster: string, publicKey: string): boolean => {
    for (const { peer } of sessions) if (peer.clusterId === cluster && peer.publicKey === publicKey) return true;
    return false;
  };

  const connect = (gate: AgentGate) => {
    const greetings = createTurnstile({ atOnceMax: limits.greetingsAtOnceMax, waitingMax: limits.greetingsWaitingMax });
    return (call: ConnectCall): void => {
      try {
        const peer = peerOf(call, { hubId: opts.authority.hubId, now: clock.now() });
        const cut = () => door?.cut(peer.address);
        const session = serveSession(call, peer, { gate, limits, greetings, now: () => clock.now(), log, cut });
        sessions.add(session);
        session.closed.addEventListener("abort", () => {
          sessions.delete(session);
          if (hasSession(peer.clusterId, peer.publicKey)) return;
          for (const fetch of fetches.get(peer.clusterId) ?? []) fetch.abort(session.closed.reason);
        });
      } catch (error) {
        log.warn({ address: call.getPeer(), reason: messageOf(error) }, "agent refused");
        call.on("error", () => {});
        call.emit("error", statusOf(error));
      }
    };
  };

  const fetchBundle =
    (gate: AgentGate) =>
    (call: FetchCall): void => {
      const stop = new AbortController();
      let leave = () => {};
      const serve = async (): Promise<void> => {
        const peer = peerOf(call, { hubId: opts.authority.hubId, now: clock.now() });
        // A bundle is for who was greeted: a revoked agent has no session, and so no bundles.
        if (!hasSession(peer.clusterId, peer.publicKey)) {
          throw new AppError(
            "unavailable",
            "bundles are served beside a control stream, and this cluster has none open",
          );
        }
        const own = fetches.get(peer.clusterId) ?? new Set();
        if (own.size >= limits.fetchesPerPeerMax || fetchesUnderWay >= limits.fetchesMax) {
          throw new AppError("unavailable", "too many bundles are being fetched at once; try again");
        }
        fetches.set(peer.clusterId, own.add(stop));
        fetchesUnderWay += 1;
        leave = () => {
          fetchesUnderWay -= 1;
          own.delete(stop);
          if (own.size === 0) fetches.delete(peer.clusterId);
        };
        await serveBundle(call, peer, { gate, chunkTimeoutMs: limits.chunkTimeoutMs, signal: stop.signal, log });
      };
      call.on("error", () => {});
      serve()
        .catch((error) => call.emit("error", statusOf(error)))
        .finally(() => leave());
    };

  return {
    async listen(gate) {
      const grpc = new Server({
        "grpc.max_receive_message_length": MESSAGE_BYTES_MAX,
        "grpc.max_send_message_length": MESSAGE_BYTES_MAX,
        "grpc.max_concurrent_streams": STREAMS_PER_CONNECTION_MAX,
        "grpc.max_connection_idle_ms": IDLE_CONNECTION_MS,
        "grpc-node.max_session_memory": SESSION_MEMORY_MB,
        "grpc.enable_channelz": 0,
      });
      server = grpc;
      grpc.addService(service, { connect: connect(gate), fetchBundle: fetchBundle(gate) });
      // TLS is done by then: what is injected is the inside of a verified connection.
      const injector = grpc.createConnectionInjector(ServerCredentials.createInsecure());
      door = await openFrontDoor({
        host: opts.host,
        port: opts.port,
        root: opts.authority.root,
        certificate: opts.certificate,
        limits,
        log,
        onConnection: (socket) => injector.injectConnection(socket),
      });
      const host = opts.host.includes(":") ? `[${opts.host}]` : opts.host;
      const endpoint = opts.advertise ?? `${host}:${door.port}`;
      log.info({ endpoint }, "listening for agents");
      return { endpoint };
    },
    async close() {
      for (const session of sessions) session.refuse("unavailable", "the hub is stopping; it will be back.");
      // Lets the farewells out before the sockets go.
      await new Promise((resolve) => setTimeout(resolve, sessions.size > 0 || server !== null ? 50 : 0));
      server?.forceShutdown();
      await door?.close();
    },
  };
}
