import { hash } from "node:crypto";
import { setImmediate as breathe } from "node:timers/promises";
import type { Digest } from "@muster/shared/model/ids.ts";
import { type ObjectRef, objectKey } from "@muster/shared/model/object-ref.ts";
import type { Bundler } from "../ports/bundler.ts";
import type { Blobs } from "../ports/store.ts";

/**
 * Which objects a bundle holds, so that two bundles are compared without unpacking either: beside each bundle a blob of
 * eight bytes for each object. The first byte says whether the object names a namespace of its own; the rest is a hash
 * of its identity.
 */

const PREFIX = "refs-";
const REF_BYTES = 8;
const BURST = 1_000;

const refsName = (digest: Digest): string => `${PREFIX}${digest}`;

/** The bundle that a blob is of, or is itself. */
export const bundleOfBlob = (name: string): Digest =>
  (name.startsWith(PREFIX) ? name.slice(PREFIX.length) : name) as Digest;

/** The same bundler, which leaves the list of objects of each bundle it makes. */
export function notingRefs(bundler: Bundler, blobs: Pick<Blobs, "put">): Bundler {
  return {
    kind: bundler.kind,
    version: bundler.version,
    prepare: () => bundler.prepare(),
    async bundle(input, opts) {
      const result = await bundler.bundle(input, opts);
      if (result.kind === "rendered") {
        await blobs.put(refsName(result.bundle.digest), await encodeRefs(result.bundle.objects));
      }
      return result;
    },
    close: () => bundler.close(),
  };
}

/** Sorted, so that equal bundles give equal bytes. */
async function encodeRefs(refs: readonly ObjectRef[]): Promise<Uint8Array> {
  const parts: Buffer[] = [];
  for (const [index, ref] of refs.entries()) {
    const part = hash("sha256", objectKey(ref), "buffer").subarray(0, REF_BYTES);
    part[0] = ref.namespace === "" ? 0 : 1;
    parts.push(part);
    if (index % BURST === BURST - 1) await breathe();
  }
  return Buffer.concat(parts.sort(Buffer.compare));
}

export interface Dropped {
  /** Objects that the second bundle holds no more; at least, when a list is not there. */
  readonly dropped: number;
  readonly of: number;
}

interface Side {
  readonly digest: Digest;
  readonly objects: number;
  /** Where objects go that name no namespace. */
  readonly namespace: string;
}

/** What one bundle after the other would prune. */
export async function compareBundles(blobs: Pick<Blobs, "get">, from: Side, to: Side): Promise<Dropped> {
  const isMoved = from.namespace !== to.namespace;
  if (from.digest === to.digest && !isMoved) return { dropped: 0, of: from.objects };
  const [before, after] = await Promise.all([blobs.get(refsName(from.digest)), blobs.get(refsName(to.digest))]);
  if (before === null || after === null) {
    // The agent counts again, on what is really there.
    return { dropped: Math.max(0, from.objects - to.objects), of: from.objects };
  }
  const held = new Set(keysOf(after));
  let dropped = 0;
  for (const key of keysOf(before)) {
    const isFilledIn = key.startsWith("00");
    if ((isMoved && isFilledIn) || !held.has(key)) dropped += 1;
  }
  return { dropped, of: before.byteLength / REF_BYTES };
}

function* keysOf(bytes: Uint8Array): Generator<string> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < buffer.length; at += REF_BYTES) yield buffer.toString("hex", at, at + REF_BYTES);
}
