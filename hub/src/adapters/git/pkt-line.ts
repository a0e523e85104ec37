import { AppError } from "@muster/shared/errors.ts";

/** A packet of Git's protocol (gitprotocol-common): bytes, or one of the three marks. */
export type Packet = Buffer | "flush" | "delimiter" | "end";

const MARKS = ["flush", "delimiter", "end"] as const;
const PACKET_BYTES_MAX = 65_520;

export const FLUSH = "0000";
export const DELIMITER = "0001";

export function packetOf(text: string): string {
  return (Buffer.byteLength(text) + 4).toString(16).padStart(4, "0") + text;
}

/** Cuts a stream of bytes into packets. @throws AppError "corrupt" for what is none, or when it ends within one. */
export async function* readPackets(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Packet> {
  let held: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    held = held.length === 0 ? Buffer.from(chunk) : Buffer.concat([held, chunk]);
    let at = 0;
    while (held.length - at >= 4) {
      const length = readLength(held, at);
      if (length < 3) {
        yield MARKS[length] as Packet;
        at += 4;
        continue;
      }
      if (held.length - at < length) break;
      yield held.subarray(at + 4, at + length);
      at += length;
    }
    held = held.subarray(at);
  }
  if (held.length > 0) throw new AppError("unavailable", "the server's answer ends in the middle");
}

function readLength(bytes: Buffer, at: number): number {
  const text = bytes.toString("latin1", at, at + 4);
  const length = /^[0-9a-fA-F]{4}$/.test(text) ? Number.parseInt(text, 16) : -1;
  if (length < 0 || length === 3 || length > PACKET_BYTES_MAX) {
    throw new AppError("corrupt", "the server does not speak Git's protocol");
  }
  return length;
}

/** A packet's text without its line end. @throws AppError "corrupt" for a mark. */
export function textOf(packet: Packet): string {
  if (typeof packet === "string") throw new AppError("corrupt", `the server sent "${packet}" where a line belongs`);
  return packet.toString("utf8").replace(/\n$/, "");
}
