import type { ErrorCode } from "@muster/shared/errors.ts";

/** What the store's main-thread half asks of the worker that owns the file. Values travel as JSON text. */
export type Operation =
  | { readonly op: "get"; readonly collection: string; readonly key: string }
  | {
      readonly op: "put";
      readonly collection: string;
      readonly key: string;
      readonly text: string;
      readonly ifVersion: number | null;
      readonly durable: boolean;
    }
  | { readonly op: "delete"; readonly collection: string; readonly key: string; readonly ifVersion: number }
  | { readonly op: "list"; readonly collection: string; readonly prefix: string }
  | { readonly op: "blob-chunk"; readonly name: string; readonly chunk: number; readonly data: Uint8Array }
  | {
      readonly op: "blob-seal";
      readonly name: string;
      readonly bytes: number;
      readonly chunks: number;
      readonly now: number;
    }
  | { readonly op: "blob-read"; readonly name: string; readonly from: number; readonly to: number }
  | { readonly op: "blob-size"; readonly name: string }
  | { readonly op: "blob-delete"; readonly name: string }
  | { readonly op: "blob-list"; readonly after: string; readonly limit: number }
  | {
      readonly op: "append";
      readonly stream: string;
      readonly entries: readonly { readonly id: string; readonly text: string }[];
      readonly ifHead: number | null;
    }
  | { readonly op: "read"; readonly stream: string; readonly after: number; readonly limit: number }
  | { readonly op: "head"; readonly stream: string }
  | {
      readonly op: "acquire";
      readonly name: string;
      readonly holder: string;
      readonly ttlMs: number;
      readonly now: number;
    }
  | {
      readonly op: "renew";
      readonly name: string;
      readonly holder: string;
      readonly term: number;
      readonly ttlMs: number;
      readonly now: number;
    }
  | { readonly op: "release"; readonly name: string; readonly holder: string; readonly term: number };

export interface Row {
  readonly key: string;
  readonly version: number;
  readonly text: string;
}

/** A committed change, for the watchers. `text` is null for a delete. */
export interface Change {
  readonly collection: string;
  readonly key: string;
  readonly version: number;
  readonly text: string | null;
}

export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly fix?: string | undefined;
}

export type Outcome = { readonly id: number; readonly ok: unknown } | { readonly id: number; readonly failed: Failure };

export type FromWorker =
  | { readonly kind: "opened" }
  | { readonly kind: "failed"; readonly failure: Failure }
  /** One committed batch: its changes in order, then the answers. `version` is the counter after it. */
  | { readonly kind: "batch"; readonly outcomes: readonly Outcome[]; readonly changes: readonly Change[] };

export type ToWorker = { readonly id: number; readonly operation: Operation } | "close";

/** Size of a blob's rows, bytes. */
export const BLOB_CHUNK_BYTES = 256 * 1024;
