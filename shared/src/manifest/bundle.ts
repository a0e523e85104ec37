import { createHash } from "node:crypto";
import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { AppError } from "../errors.ts";
import { type Digest, digest as digestSchema } from "../model/ids.ts";
import { formatObject, type ObjectRef, objectKey, objectRef } from "../model/object-ref.ts";
import { canonicalJson } from "./canonical.ts";

/**
 * Bundle format b1. The canonical form is UTF-8 text: the header line, then one object of canonical JSON a line, ordered
 * by `objectKey` (so not by the order of applying, which is the agent's business), each line ended by "\n". The digest
 * is `b1:sha256:` and the SHA-256 of the canonical form. What is stored and travels is the form compressed with zstd;
 * compression is no part of the digest.
 *
 * The form is fixed: `fixtures/b1` holds bundles whose digests must never change. Another form is another header,
 * another digest prefix, and another capability of agents.
 */
export const BUNDLE_HEADER = "muster-bundle/b1";

/** Larger windows than this are refused, so that a few bytes cannot reserve much memory. */
const WINDOW_LOG_MAX = 25;

export interface BundleObject {
  readonly ref: ObjectRef;
  readonly object: object;
}

export interface EncodedBundle {
  readonly digest: Digest;
  /** The canonical form. */
  readonly canonical: Uint8Array;
  readonly compressed: Uint8Array;
  /** In the order of the canonical form. */
  readonly refs: readonly ObjectRef[];
}

/** @throws AppError "invalid" when two objects have one key: look with `duplicateProblems` first, it names both places. */
export function encodeBundle(objects: readonly BundleObject[]): EncodedBundle {
  return sealBundle(objects.map(({ ref, object }) => ({ ref, json: canonicalJson(object) })));
}

/** As `encodeBundle`, from objects that already are canonical JSON. */
export function sealBundle(lines: readonly BundleLine[]): EncodedBundle {
  const ordered = lines.map((line) => ({ ...line, key: objectKey(line.ref) })).sort((a, b) => compare(a.key, b.key));
  for (let i = 1; i < ordered.length; i++) {
    const line = ordered[i];
    if (line?.key === ordered[i - 1]?.key) {
      throw new AppError("invalid", `${formatObject((line as BundleLine).ref)} is in the bundle twice`);
    }
  }
  const canonical = Buffer.from(`${[BUNDLE_HEADER, ...ordered.map(({ json }) => json)].join("\n")}\n`);
  const compressed = zstdCompressSync(canonical, {
    // Known in advance, the size lets zstd take memory for this bundle and not for the largest there could be.
    pledgedSrcSize: canonical.length,
    params: { [constants.ZSTD_c_compressionLevel]: 3, [constants.ZSTD_c_checksumFlag]: 1 },
  });
  return { digest: digestOf(canonical), canonical, compressed, refs: ordered.map(({ ref }) => ref) };
}

/** One object of a bundle. `json` is its line of the canonical form: it can be sent as it stands. */
export interface BundleLine {
  readonly ref: ObjectRef;
  readonly json: string;
}

export interface DecodedBundle {
  /** Of the bytes that were decoded. */
  readonly digest: Digest;
  /** Size of the canonical form. */
  readonly bytes: number;
  /** In the order of the canonical form. */
  readonly objects: readonly BundleLine[];
}

/**
 * Takes a compressed bundle apart and checks all of its form. Stops as soon as it grows beyond `bytesMax`, so a
 * decompression bomb costs no more than a bundle of that size.
 * @throws AppError "too-large"; "corrupt" (not zstd, another digest than `expected`, or not canonical); "unsupported"
 * (a later format).
 */
export function decodeBundle(
  compressed: Uint8Array,
  { bytesMax, expected }: { bytesMax: number; expected?: Digest },
): DecodedBundle {
  const canonical = decompress(compressed, bytesMax);
  const digest = digestOf(canonical);
  if (expected !== undefined && digest !== expected) {
    throw new AppError("corrupt", `the bundle's digest is ${digest}, and ${expected} was expected`);
  }
  const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let lines: string[];
  try {
    lines = text.decode(canonical).split("\n");
  } catch (cause) {
    throw new AppError("corrupt", "the bundle is not UTF-8", { cause });
  }
  const header = lines[0] ?? "";
  if (header !== BUNDLE_HEADER) {
    if (!header.startsWith("muster-bundle/")) throw new AppError("corrupt", "this is not a bundle");
    throw new AppError("unsupported", `the bundle is of format ${header.slice(0, 40)}, this reads ${BUNDLE_HEADER}`);
  }
  if (lines.pop() !== "") throw new AppError("corrupt", "the bundle's last line does not end");
  const objects: BundleLine[] = [];
  let previous = "";
  for (let i = 1; i < lines.length; i++) {
    const json = lines[i] as string;
    const ref = refOf(json, i + 1);
    const key = objectKey(ref);
    if (i > 1 && compare(previous, key) >= 0)
      throw new AppError("corrupt", `line ${i + 1} of the bundle is out of order`);
    previous = key;
    objects.push({ ref, json });
  }
  return { digest, bytes: canonical.length, objects };
}

export const digestOf = (canonical: Uint8Array): Digest =>
  digestSchema.parse(`b1:sha256:${createHash("sha256").update(canonical).digest("hex")}`);

function decompress(compressed: Uint8Array, bytesMax: number): Uint8Array {
  try {
    return zstdDecompressSync(compressed, {
      maxOutputLength: bytesMax,
      params: { [constants.ZSTD_d_windowLogMax]: WINDOW_LOG_MAX },
    });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") {
      throw new AppError("too-large", `the bundle is larger than ${bytesMax} bytes`, { cause });
    }
    throw new AppError("corrupt", "the bundle cannot be decompressed", { cause });
  }
}

function refOf(json: string, line: number): ObjectRef {
  let value: { apiVersion?: unknown; kind?: unknown; metadata?: { name?: unknown; namespace?: unknown } };
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new AppError("corrupt", `line ${line} of the bundle is not JSON`, { cause });
  }
  const { apiVersion, kind, metadata } = value ?? {};
  const ref = objectRef.safeParse({ apiVersion, kind, namespace: metadata?.namespace ?? "", name: metadata?.name });
  if (!ref.success) throw new AppError("corrupt", `line ${line} of the bundle is no object`, { cause: ref.error });
  return ref.data;
}

/** By UTF-16 code units: the same on every machine, whatever its language. */
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
