import type { Client } from "@grpc/grpc-js";
import { AppError } from "@muster/shared/errors.ts";
import type { Digest } from "@muster/shared/model/ids.ts";
import { decodeBundleChunk, encodeBundleRequest } from "@muster/shared/wire/bundle.ts";
import { LINK_METHODS } from "@muster/shared/wire/service.ts";
import { raw, translate } from "./channel.ts";

/** The bytes of a bundle from the offset on; reading slowly slows the hub down, and leaving the loop ends the call. */
export async function* fetchBundleOver(
  client: Client,
  digest: Digest,
  opts: { offset: number; signal: AbortSignal; chunkTimeoutMs: number },
): AsyncGenerator<Uint8Array, void, void> {
  const what = `fetch of ${digest}`;
  if (opts.signal.aborted) throw new AppError("cancelled", what, { cause: opts.signal.reason });
  const request = raw(encodeBundleRequest({ digest, offset: opts.offset }));
  const call = client.makeServerStreamRequest(LINK_METHODS.fetchBundle, raw, (bytes: Buffer) => bytes, request);
  let isStalled = false;
  const stop = () => call.cancel();
  const onStall = () => {
    isStalled = true;
    call.cancel();
  };
  opts.signal.addEventListener("abort", stop, { once: true });
  let timer = setTimeout(onStall, opts.chunkTimeoutMs);
  try {
    for await (const bytes of call) {
      clearTimeout(timer);
      yield decodeBundleChunk(bytes as Buffer);
      timer = setTimeout(onStall, opts.chunkTimeoutMs);
    }
  } catch (error) {
    if (opts.signal.aborted) throw new AppError("cancelled", what, { cause: opts.signal.reason });
    if (isStalled)
      throw new AppError("unavailable", `${what}: no chunk for ${opts.chunkTimeoutMs} ms`, { cause: error });
    throw translate(error, what);
  } finally {
    clearTimeout(timer);
    opts.signal.removeEventListener("abort", stop);
    call.on("error", () => {}); // what a cancelled call still says is of no interest
    call.cancel();
  }
}
