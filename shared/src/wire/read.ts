import { type DescMessage, fromBinary, type MessageShape } from "@bufbuild/protobuf";
import type { z } from "zod";
import { AppError } from "../errors.ts";

/** The largest message of the control stream, either way. */
export const MESSAGE_BYTES_MAX = 4 * 1024 * 1024;
/** The largest signed payload (an assignment or a key set). */
export const PAYLOAD_BYTES_MAX = 64 * 1024;

/**
 * Bytes to protobuf message. Fields of a later version are ignored.
 * @throws AppError "too-large", or "corrupt" when the bytes are no such message.
 */
export function readMessage<D extends DescMessage>(
  schema: D,
  bytes: Uint8Array,
  opts: { what: string; bytesMax: number },
): MessageShape<D> {
  if (bytes.byteLength > opts.bytesMax) {
    throw new AppError("too-large", `${opts.what} has ${bytes.byteLength} bytes; ${opts.bytesMax} is the most`);
  }
  try {
    return fromBinary(schema, bytes);
  } catch (cause) {
    throw new AppError("corrupt", `${opts.what} cannot be decoded (${bytes.byteLength} bytes)`, { cause });
  }
}

/** Checks a decoded value against the model. @throws AppError "invalid" that names the first wrong fields. */
export function readModel<S extends z.ZodType>(schema: S, value: unknown, what: string): z.infer<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issues = result.error.issues.slice(0, 3).map((issue) => `${issue.path.join(".") || "(all)"}: ${issue.message}`);
  const more = result.error.issues.length - issues.length;
  throw new AppError("invalid", `${what}: ${issues.join("; ")}${more > 0 ? `; and ${more} more` : ""}`);
}

/** A uint64 as the number it must fit into: above 2^53 it would silently become another. */
export function readCount(value: bigint, what: string): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER) || value < BigInt(Number.MIN_SAFE_INTEGER)) {
    throw new AppError("invalid", `${what}: ${value} is beyond what this version counts to`);
  }
  return Number(value);
}
