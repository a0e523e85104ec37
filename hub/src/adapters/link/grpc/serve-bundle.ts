import { type StatusObject, status } from "@grpc/grpc-js";
import { AppError, isAppError, messageOf } from "@muster/shared/errors.ts";
import type { Log } from "@muster/shared/log.ts";
import { CHUNK_BYTES, decodeBundleRequest, encodeBundleChunk } from "@muster/shared/wire/bundle.ts";
import type { AgentGate, Peer } from "../../../ports/agent-link.ts";
import type { FetchCall } from "./peer.ts";

/**
 * Sends a bundle's bytes from the offset on, a chunk only after the one before was handed to the connection: whatever
 * the bundle's size and the agent's speed, a fetch holds two chunks in memory. Ends with the call, or with `signal`.
 */
export async function serveBundle(
  call: FetchCall,
  peer: Peer,
  opts: { gate: Pick<AgentGate, "openBundle">; chunkTimeoutMs: number; signal: AbortSignal; log: Log },
): Promise<void> {
  const gone = new AbortController();
  const stop = () => gone.abort(new AppError("unavailable", "the agent left"));
  call.on("cancelled", stop);
  call.on("error", stop);
  const signal = AbortSignal.any([gone.signal, opts.signal]);
  try {
    const { digest, offset } = decodeBundleRequest(call.request);
    const bundle = await opts.gate.openBundle(peer, digest);
    if (bundle === null) throw new AppError("forbidden", `the bundle ${digest} is not assigned to this cluster`);
    if (offset > bundle.bytes) {
      throw new AppError("invalid", `offset ${offset} is beyond the ${bundle.bytes} bytes of ${digest}`);
    }
    for (let from = offset; from < bundle.bytes; from += CHUNK_BYTES) {
      const data = await bundle.read(from, Math.min(from + CHUNK_BYTES, bundle.bytes));
      await writeChunk(call, encodeBundleChunk(data), signal, opts.chunkTimeoutMs);
    }
    call.end();
  } catch (error) {
    if (gone.signal.aborted) return;
    opts.log.warn({ cluster: peer.clusterId, address: peer.address, reason: messageOf(error) }, "bundle not served");
    call.emit("error", statusOf(error));
  }
}

function writeChunk(call: FetchCall, chunk: Uint8Array, signal: AbortSignal, timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (settle: () => void) => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      settle();
    };
    const onAbort = () => done(() => reject(signal.reason));
    const timer = setTimeout(
      () => done(() => reject(new AppError("unavailable", `the agent took no chunk for ${timeoutMs} ms`))),
      timeoutMs,
    );
    if (signal.aborted) return onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    call.write(chunk, (error: Error | null | undefined) => done(() => (error ? reject(error) : resolve())));
  });
}

const STATUS: Partial<Record<AppError["code"], status>> = {
  forbidden: status.PERMISSION_DENIED,
  unauthenticated: status.UNAUTHENTICATED,
  "not-found": status.NOT_FOUND,
  invalid: status.INVALID_ARGUMENT,
  corrupt: status.INVALID_ARGUMENT,
  "too-large": status.INVALID_ARGUMENT,
};

export function statusOf(error: unknown): Partial<StatusObject> {
  const code = isAppError(error) ? (STATUS[error.code] ?? status.UNAVAILABLE) : status.UNAVAILABLE;
  return { code, details: isAppError(error) ? error.message : "the hub could not serve this" };
}
