import { isAppError } from "@muster/shared/errors.ts";
import type { Digest } from "@muster/shared/model/ids.ts";
import type { ObjectRef } from "@muster/shared/model/object-ref.ts";
import { ensureNamespace, SecretDocument, type SecretStore } from "./secret-document.ts";

/** Raw bytes in one Secret: below 1 MiB, and below etcd's limit in base64 too. */
const chunkBytes = 700 * 1024;
const chunksMax = 200;
const BUNDLE_LABEL = "muster.dev/bundle";
const CHUNKS_ANNOTATION = "muster.dev/chunks";

/** A name ends with the first hex digit of the digests that it lists. */
export const INDEX_STATE = "bundles";
const indexName = (digest: Digest): string => `muster-bundles-${hexOf(digest)[0]}`;
const hexOf = (digest: Digest): string => digest.slice(digest.lastIndexOf(":") + 1);
const chunkName = (digest: Digest, i: number): string => `muster-bundle-${hexOf(digest).slice(0, 40)}-${i}`;

interface Index {
  readonly digests: Map<Digest, number>;
  readonly document: SecretDocument<{ digests: [Digest, number][] }>;
}

/**
 * Bundles in Secrets, in chunks that are named by the digest. An index says which there are, and is written before a
 * bundle's first chunk and after the deletion of its last, so that no chunk is ever forgotten. A bundle is whole when
 * its chunk 0 is there, for that is written last and deleted first.
 */
export class BundleSecrets {
  readonly #store: SecretStore;
  readonly #indexes = new Map<string, Index>();
  #fence = 0;
  /** Put since the present `keep` began: wanted again, or for the first time. */
  readonly #fresh = new Set<Digest>();

  constructor(store: SecretStore) {
    this.#store = store;
  }

  begin(fence: number): void {
    this.#fence = fence;
    this.#indexes.clear();
  }

  /** An index that the list of the state's Secrets showed. */
  async claim(secret: Parameters<SecretDocument<unknown>["claim"]>[0]): Promise<void> {
    const index = this.#newIndex(secret.metadata.name);
    const content = (await index.document.claim(secret, this.#fence)) as { digests?: [Digest, number][] } | null;
    for (const [digest, chunks] of content?.digests ?? []) index.digests.set(digest, chunks);
  }

  async put(digest: Digest, compressed: Uint8Array): Promise<void> {
    const chunks = Math.max(1, Math.ceil(compressed.byteLength / chunkBytes));
    this.#fresh.add(digest);
    const index = this.#indexes.get(indexName(digest)) ?? this.#newIndex(indexName(digest));
    if (index.digests.get(digest) !== chunks) {
      index.digests.set(digest, chunks);
      await index.document.write();
    }
    for (let i = chunks - 1; i >= 0; i--) {
      await this.#createChunk(digest, i, chunks, compressed.subarray(i * chunkBytes, (i + 1) * chunkBytes));
    }
  }

  async get(digest: Digest): Promise<Uint8Array | null> {
    const parts: Uint8Array[] = [];
    let chunks = 1;
    for (let i = 0; i < Math.min(chunks, chunksMax); i++) {
      const found = await this.#store.cluster.get(this.#chunkRef(digest, i));
      if (found === null) return null;
      if (i === 0) chunks = Number(found.metadata.annotations?.[CHUNKS_ANNOTATION] ?? 1);
      const { chunk = "" } = (found.data ?? {}) as { chunk?: string };
      parts.push(Buffer.from(chunk, "base64"));
    }
    return Buffer.concat(parts);
  }

  async keep(wanted: ReadonlySet<Digest>): Promise<void> {
    this.#fresh.clear();
    for (const index of this.#indexes.values()) {
      const unwanted = [...index.digests].filter(([digest]) => !wanted.has(digest));
      if (unwanted.length === 0) continue;
      for (const [digest, chunks] of unwanted) {
        for (let i = 0; i < chunks && !this.#fresh.has(digest); i++)
          await this.#store.cluster.delete(this.#chunkRef(digest, i), {});
        if (!this.#fresh.has(digest)) index.digests.delete(digest);
      }
      await index.document.write();
    }
  }

  async #createChunk(digest: Digest, i: number, chunks: number, bytes: Uint8Array): Promise<void> {
    const { cluster, namespace } = this.#store;
    const secret = {
      apiVersion: "v1",
      kind: "Secret",
      type: "Opaque",
      metadata: {
        name: chunkName(digest, i),
        namespace,
        labels: { [BUNDLE_LABEL]: hexOf(digest).slice(0, 40), "app.kubernetes.io/managed-by": "muster" },
        annotations: { [CHUNKS_ANNOTATION]: `${chunks}` },
      },
      data: { chunk: Buffer.from(bytes).toString("base64") },
    };
    try {
      await cluster.create(secret);
    } catch (error) {
      if (isAppError(error, "not-found")) {
        await ensureNamespace(cluster, namespace);
        await cluster.create(secret);
        return;
      }
      if (!isAppError(error, "conflict")) throw error;
      // It is there: from an earlier attempt, or damaged by hand. What it should hold is known here.
      const found = await cluster.get(this.#chunkRef(digest, i));
      if ((found?.data as { chunk?: string } | undefined)?.chunk === secret.data.chunk) return;
      if (found === null) await cluster.create(secret);
      else await cluster.replace({ ...found, data: secret.data });
    }
  }

  #chunkRef(digest: Digest, i: number): ObjectRef {
    return { apiVersion: "v1", kind: "Secret", namespace: this.#store.namespace, name: chunkName(digest, i) };
  }

  #newIndex(name: string): Index {
    const digests = new Map<Digest, number>();
    const document = new SecretDocument(this.#store, {
      name,
      state: INDEX_STATE,
      content: () => ({ digests: [...digests] }),
    });
    document.expectAbsent(this.#fence);
    const index = { digests, document };
    this.#indexes.set(name, index);
    return index;
  }
}
