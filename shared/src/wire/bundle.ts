import { create, toBinary } from "@bufbuild/protobuf";
import { type Digest, digest } from "../model/ids.ts";
import { BundleChunkSchema, FetchBundleRequestSchema } from "./generated/muster/v1/agent_pb.js";
import { readCount, readMessage, readModel } from "./read.ts";

/** Bytes of a bundle per message: small, so that nothing waits long behind one. */
export const CHUNK_BYTES = 64 * 1024;

export interface BundleRequest {
  readonly digest: Digest;
  /** Of the compressed bytes. */
  readonly offset: number;
}

export function encodeBundleRequest(request: BundleRequest): Uint8Array {
  const message = create(FetchBundleRequestSchema, { digest: request.digest, offset: BigInt(request.offset) });
  return toBinary(FetchBundleRequestSchema, message);
}

/** @throws AppError "corrupt", "invalid". */
export function decodeBundleRequest(bytes: Uint8Array): BundleRequest {
  const message = readMessage(FetchBundleRequestSchema, bytes, { what: "bundle request", bytesMax: 1_024 });
  return {
    digest: readModel(digest, message.digest, "bundle request: digest"),
    offset: readCount(message.offset, "bundle request: offset"),
  };
}

export function encodeBundleChunk(data: Uint8Array): Uint8Array {
  return toBinary(BundleChunkSchema, create(BundleChunkSchema, { data }));
}

/** @throws AppError "corrupt", "too-large". */
export function decodeBundleChunk(bytes: Uint8Array): Uint8Array {
  return readMessage(BundleChunkSchema, bytes, { what: "bundle chunk", bytesMax: 4 * CHUNK_BYTES }).data;
}
