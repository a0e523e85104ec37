import type { Client } from "@grpc/grpc-js";
import { AppError, isAppError, messageOf } from "@muster/shared/errors.ts";
import type { Log } from "@muster/shared/log.ts";
import type { HubLink, HubSession } from "../../../ports/hub-link.ts";
import { type LinkIdentity, openChannel, translate } from "./channel.ts";
import { diagnose } from "./diagnose.ts";
import { fetchBundleOver } from "./fetch-bundle.ts";
import { type ControlSession, openSession } from "./session.ts";

export interface GrpcHubLinkOptions {
  /** Asked at every connect: certificates change. */
  readonly identity: () => LinkIdentity;
  readonly log: Log;
  readonly limits?: Partial<typeof LIMITS>;
}

const LIMITS = {
  /** From dialling to the ack: Hello may be 4 MiB over 1 Mbit/s, and the hub may have others to greet first. */
  helloTimeoutMs: 60_000,
  chunkTimeoutMs: 60_000,
  /** What may be under way to this agent on the bundle connection: a 200 ms round trip still gives 40 Mbit/s. */
  bundleWindowBytes: 1024 * 1024,
};

/**
 * The agent's end of the gRPC link. Bundles come over a connection of their own, opened when one is needed: on one
 * connection a large bundle would fill the socket's buffers, and a heartbeat would wait behind all of it.
 */
export function createGrpcHubLink(opts: GrpcHubLinkOptions): HubLink {
  const limits = { ...LIMITS, ...opts.limits };
  let current: { control: ControlSession; release: () => void } | null = null;

  const connectTo = async (
    identity: LinkIdentity,
    endpoint: string,
    hello: Parameters<HubLink["connect"]>[0],
    signal: AbortSignal,
  ) => {
    const client = openChannel(identity, endpoint);
    let bundles: Client | null = null;
    const release = () => {
      client.close();
      bundles?.close();
    };
    let control: ControlSession;
    try {
      control = await openSession(client, hello, { signal, helloTimeoutMs: limits.helloTimeoutMs, log: opts.log });
    } catch (error) {
      release();
      const failure = translate(error, `connect to ${endpoint}`);
      throw isWithoutReason(failure) && !signal.aborted ? await diagnose(identity, endpoint, failure) : failure;
    }
    // The goodbye leaves through the channel, so that closes a little later.
    control.ended.addEventListener("abort", () => setTimeout(release, 1_500).unref());
    const session: HubSession = {
      ack: control.ack,
      messages: control.messages,
      report: control.report,
      setActing: control.setActing,
      close: control.close,
      fetchBundle(digest, { offset, signal: wanted }) {
        if (control.ended.aborted) throw control.ended.reason;
        bundles ??= openChannel(identity, endpoint, { windowBytes: limits.bundleWindowBytes });
        const { chunkTimeoutMs } = limits;
        return fetchBundleOver(bundles, digest, { offset, signal: wanted, chunkTimeoutMs });
      },
    };
    current = { control, release };
    opts.log.info({ endpoint, heartbeatMs: control.ack.heartbeatMs }, "connected to the hub");
    return session;
  };

  return {
    async connect(hello, { signal }) {
      await current?.control.close();
      const identity = opts.identity();
      const { endpoints } = identity;
      let last: AppError = new AppError("invalid", "the hub named no endpoint of its link");
      for (const endpoint of endpoints) {
        try {
          return await connectTo(identity, endpoint, hello, signal);
        } catch (error) {
          last = isAppError(error) ? error : new AppError("unavailable", messageOf(error), { cause: error });
          // Only "nobody there" is worth another door: a refusal is the same behind each.
          if (last.code !== "unavailable" || signal.aborted) throw last;
          if (endpoints.length > 1) opts.log.warn({ endpoint, reason: last.message }, "endpoint does not answer");
        }
      }
      throw last;
    },
    async close() {
      await current?.control.close();
      current?.release();
    },
  };
}

/** A refusal and a deadline say why; what the channel says is worth a second look. */
const isWithoutReason = (error: AppError): boolean => error.code === "unavailable" && error.cause !== undefined;
