import type { Instant } from "@muster/shared/clock.ts";

/**
 * Where the hub remembers. Four small parts that a single SQLite file and a JetStream account can both keep; neither
 * is asked for a transaction over several documents. What must change together is one versioned document.
 * An adapter knows no nouns: each noun's own module says which documents it keeps.
 */
export interface Store {
  readonly documents: Documents;
  readonly blobs: Blobs;
  readonly journal: Journal;
  readonly leases: Leases;
  close(): Promise<void>;
}

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json | undefined };

/** Rises with each write of a collection; opaque but for equality. */
export type Version = number;

export interface DocumentKey {
  /** `[a-z-]+`. */
  readonly collection: string;
  /** Parts of `[A-Za-z0-9_-]+` joined by `/`; at most 256 characters. */
  readonly key: string;
}

export interface StoredDocument {
  readonly key: string;
  readonly value: Json;
  readonly version: Version;
}

/** Serialised size of one document's value, on every adapter. */
export const DOCUMENT_BYTES_MAX = 256 * 1024;

/**
 * Versioned documents.
 * - A resolved put or delete survives a crash of process and machine, unless it was `durable: false`, which may be
 *   lost with the machine but never reordered with, or kept without, an earlier write of the same document.
 * - Reads see every write that was resolved before they began.
 */
export interface Documents {
  get(key: DocumentKey): Promise<StoredDocument | null>;
  /**
   * Writes if the stored version is `ifVersion` (null: if there is none). Equal content is no new version.
   * @throws AppError "conflict" when another version is stored, "too-large" above `DOCUMENT_BYTES_MAX`.
   */
  put(key: DocumentKey, value: Json, opts: { ifVersion: Version | null; durable?: boolean }): Promise<Version>;
  /** @throws AppError "conflict" when another version is stored. */
  delete(key: DocumentKey, opts: { ifVersion: Version }): Promise<void>;
  /** Ordered by key. `prefix` is a whole number of key parts (`shop/` lists `shop/a`, not `shopping/a`). */
  list(collection: string, opts?: { prefix?: string }): Promise<readonly StoredDocument[]>;
  /**
   * A snapshot, then `caught-up`, then changes; several changes of one document may arrive as its last.
   * `compacted` says that the reader was too slow and must forget what it knows: a new snapshot follows.
   * Ends when `signal` aborts.
   */
  watch(collection: string, opts: { signal: AbortSignal }): AsyncIterable<DocumentChange>;
}

export type DocumentChange =
  | { readonly kind: "put"; readonly document: StoredDocument }
  | { readonly kind: "delete"; readonly key: string; readonly version: Version }
  | { readonly kind: "caught-up" }
  | { readonly kind: "compacted" };

/** Immutable bytes by name (a digest). Writing a name again with the same bytes is nothing. */
export interface Blobs {
  put(name: string, bytes: Uint8Array): Promise<void>;
  get(name: string): Promise<Uint8Array | null>;
  has(name: string): Promise<boolean>;
  /** `[from, to)` of the stored bytes, for serving in chunks without holding the whole. */
  read(name: string, range: { from: number; to: number }): Promise<Uint8Array>;
  size(name: string): Promise<number | null>;
  delete(name: string): Promise<void>;
  list(): AsyncIterable<{ readonly name: string; readonly bytes: number; readonly storedAt: Instant }>;
}

/** Append-only and ordered: audit and events. */
export interface Journal {
  /** Returns the new head. An entry whose id the stream already holds is not appended again.
   *  @throws AppError "conflict" when `ifHead` is given and the head is another. */
  append(
    stream: string,
    entries: readonly { readonly id: string; readonly value: Json }[],
    opts?: { ifHead?: number },
  ): Promise<number>;
  read(
    stream: string,
    opts: { after: number; limit: number },
  ): Promise<readonly { readonly sequence: number; readonly id: string; readonly value: Json }[]>;
  head(stream: string): Promise<number>;
}

/** Named leases with a rising term: the fence. */
export interface Leases {
  /** The term (higher than every one before), or null while somebody else holds it. */
  acquire(name: string, opts: { holder: string; ttlMs: number }): Promise<{ readonly term: number } | null>;
  /** False when it was lost. */
  renew(name: string, opts: { holder: string; term: number; ttlMs: number }): Promise<boolean>;
  release(name: string, opts: { holder: string; term: number }): Promise<void>;
}
