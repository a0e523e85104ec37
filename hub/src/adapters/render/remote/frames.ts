import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { AppError } from "@muster/shared/errors.ts";

/** Bodies are frames one after another: four bytes of length, big-endian, and as many bytes. The first is JSON. */
const PREFIX_BYTES = 4;
const CHUNK_BYTES_MAX = 256 * 1_024;

/** Writes frames as the other side takes them; does not end the stream. */
export async function writeFrames(to: Writable, frames: Iterable<Uint8Array>, signal: AbortSignal): Promise<void> {
  for (const frame of frames) {
    const prefix = Buffer.alloc(PREFIX_BYTES);
    prefix.writeUInt32BE(frame.length);
    let isTaken = to.write(prefix);
    for (let from = 0; from < frame.length; from += CHUNK_BYTES_MAX) {
      if (!isTaken) await once(to, "drain", { signal });
      isTaken = to.write(frame.subarray(from, from + CHUNK_BYTES_MAX));
    }
  }
}

/** Frames of a body, each as it is complete. @throws AppError "too-large", and "corrupt" when the body ends inside one. */
export async function* readFrames(from: Readable, opts: { bytesMax: number }): AsyncGenerator<Buffer, void, void> {
  const chunks: Buffer[] = [];
  let held = 0;
  let total = 0;
  let needed: number | null = null;
  for await (const chunk of from as AsyncIterable<Buffer>) {
    total += chunk.length;
    if (total > opts.bytesMax) throw new AppError("too-large", `a render's data has more than ${opts.bytesMax} bytes`);
    chunks.push(chunk);
    held += chunk.length;
    for (;;) {
      if (held < (needed ?? PREFIX_BYTES)) break;
      const all: Buffer = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
      const size: number = needed ?? PREFIX_BYTES;
      chunks.splice(0, chunks.length, all.subarray(size));
      held -= size;
      if (needed === null) needed = all.readUInt32BE(0);
      else {
        yield all.subarray(0, size);
        needed = null;
      }
    }
  }
  if (held > 0 || needed !== null) throw new AppError("corrupt", "a render's data ends too early");
}
