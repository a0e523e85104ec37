import type { DatabaseSync } from "node:sqlite";
import { isDeepStrictEqual } from "node:util";
import { AppError, assertNever } from "@muster/shared/errors.ts";
import { BLOB_CHUNK_BYTES, type Change, type Operation, type Row } from "./protocol.ts";

/** Carries out one operation inside the caller's transaction. A refusal (AppError) has changed nothing. */
export type Execute = (operation: Operation, changed: (change: Change) => void) => unknown;

/** Prepares every statement once. */
export function createExecute(database: DatabaseSync): Execute {
  const sql = {
    bump: database.prepare("UPDATE counters SET value = value + 1 WHERE name = 'version' RETURNING value"),
    version: database.prepare("SELECT value FROM counters WHERE name = 'version'"),
    get: database.prepare("SELECT key, version, value AS text FROM documents WHERE collection = ? AND key = ?"),
    put: database.prepare("INSERT OR REPLACE INTO documents (collection, key, version, value) VALUES (?, ?, ?, ?)"),
    delete: database.prepare("DELETE FROM documents WHERE collection = ? AND key = ?"),
    list: database.prepare(
      "SELECT key, version, value AS text FROM documents WHERE collection = ? AND key >= ? AND key < ? ORDER BY key",
    ),
    blobChunk: database.prepare("INSERT OR REPLACE INTO blob_chunks (name, chunk, data) VALUES (?, ?, ?)"),
    blobTrim: database.prepare("DELETE FROM blob_chunks WHERE name = ? AND chunk >= ?"),
    blobSeal: database.prepare("INSERT OR IGNORE INTO blobs (name, bytes, stored_at) VALUES (?, ?, ?)"),
    blobSize: database.prepare("SELECT bytes FROM blobs WHERE name = ?"),
    blobRead: database.prepare(
      "SELECT chunk, data FROM blob_chunks WHERE name = ? AND chunk BETWEEN ? AND ? ORDER BY chunk",
    ),
    blobDelete: database.prepare("DELETE FROM blobs WHERE name = ?"),
    blobList: database.prepare(
      "SELECT name, bytes, stored_at AS storedAt FROM blobs WHERE name > ? ORDER BY name LIMIT ?",
    ),
    head: database.prepare("SELECT coalesce(max(sequence), 0) AS head FROM journal WHERE stream = ?"),
    append: database.prepare("INSERT OR IGNORE INTO journal (stream, sequence, id, value) VALUES (?, ?, ?, ?)"),
    read: database.prepare(
      "SELECT sequence, id, value AS text FROM journal WHERE stream = ? AND sequence > ? ORDER BY sequence LIMIT ?",
    ),
    lease: database.prepare("SELECT holder, term, expires_at AS expiresAt FROM leases WHERE name = ?"),
    grant: database.prepare("INSERT OR REPLACE INTO leases (name, holder, term, expires_at) VALUES (?, ?, ?, ?)"),
  };

  const next = (): number => (sql.bump.get() as { value: number }).value;
  const current = (collection: string, key: string): Row | undefined => sql.get.get(collection, key) as Row | undefined;
  const headOf = (stream: string): number => (sql.head.get(stream) as { head: number }).head;

  function put(operation: Extract<Operation, { op: "put" }>, changed: (change: Change) => void): number {
    const { collection, key, text, ifVersion } = operation;
    const stored = current(collection, key);
    if ((stored?.version ?? null) !== ifVersion) throw versionConflict(collection, key, ifVersion, stored?.version);
    if (stored !== undefined && sameJson(stored.text, text)) return stored.version;
    const version = next();
    sql.put.run(collection, key, version, text);
    changed({ collection, key, version, text });
    return version;
  }

  function remove(operation: Extract<Operation, { op: "delete" }>, changed: (change: Change) => void): void {
    const { collection, key, ifVersion } = operation;
    const stored = current(collection, key);
    if (stored?.version !== ifVersion) throw versionConflict(collection, key, ifVersion, stored?.version);
    sql.delete.run(collection, key);
    changed({ collection, key, version: next(), text: null });
  }

  function readBlob(operation: Extract<Operation, { op: "blob-read" }>): Uint8Array {
    const size = (sql.blobSize.get(operation.name) as { bytes: number } | undefined)?.bytes;
    if (size === undefined) throw new AppError("not-found", `blob ${operation.name}`);
    const from = Math.min(operation.from, size);
    const to = Math.min(operation.to, size);
    const bytes = new Uint8Array(Math.max(0, to - from));
    if (bytes.length === 0) return bytes;
    const first = Math.floor(from / BLOB_CHUNK_BYTES);
    const last = Math.floor((to - 1) / BLOB_CHUNK_BYTES);
    for (const row of sql.blobRead.all(operation.name, first, last) as unknown as {
      chunk: number;
      data: Uint8Array;
    }[]) {
      const start = row.chunk * BLOB_CHUNK_BYTES;
      const part = row.data.subarray(Math.max(0, from - start), Math.min(row.data.length, to - start));
      bytes.set(part, Math.max(0, start - from));
    }
    return bytes;
  }

  function append(operation: Extract<Operation, { op: "append" }>): number {
    let head = headOf(operation.stream);
    if (operation.ifHead !== null && operation.ifHead !== head) {
      throw new AppError("conflict", `journal ${operation.stream} is at ${head}, not at ${operation.ifHead}`);
    }
    for (const entry of operation.entries) {
      const { changes } = sql.append.run(operation.stream, head + 1, entry.id, entry.text);
      head += Number(changes);
    }
    return head;
  }

  type LeaseRow = { holder: string; term: number; expiresAt: number };
  function acquire(operation: Extract<Operation, { op: "acquire" }>): { term: number } | null {
    const held = sql.lease.get(operation.name) as LeaseRow | undefined;
    if (held !== undefined && held.expiresAt > operation.now && held.holder !== operation.holder) return null;
    const term = (held?.term ?? 0) + 1;
    sql.grant.run(operation.name, operation.holder, term, operation.now + operation.ttlMs);
    return { term };
  }
  function extend(name: string, holder: string, term: number, expiresAt: number): boolean {
    const held = sql.lease.get(name) as LeaseRow | undefined;
    if (held === undefined || held.holder !== holder || held.term !== term) return false;
    sql.grant.run(name, holder, term, expiresAt);
    return true;
  }

  return (operation, changed) => {
    switch (operation.op) {
      case "get":
        return current(operation.collection, operation.key) ?? null;
      case "put":
        return put(operation, changed);
      case "delete":
        return remove(operation, changed);
      case "list": {
        // U+FFFF sorts behind every character a key may have.
        const rows = sql.list.all(operation.collection, operation.prefix, `${operation.prefix}\uffff`);
        return { rows, version: (sql.version.get() as { value: number }).value };
      }
      case "blob-chunk":
        sql.blobChunk.run(operation.name, operation.chunk, operation.data);
        return null;
      case "blob-seal":
        sql.blobTrim.run(operation.name, operation.chunks);
        sql.blobSeal.run(operation.name, operation.bytes, operation.now);
        return null;
      case "blob-read":
        return readBlob(operation);
      case "blob-size":
        return (sql.blobSize.get(operation.name) as { bytes: number } | undefined)?.bytes ?? null;
      case "blob-delete":
        sql.blobDelete.run(operation.name);
        sql.blobTrim.run(operation.name, 0);
        return null;
      case "blob-list":
        return sql.blobList.all(operation.after, operation.limit);
      case "append":
        return append(operation);
      case "read":
        return sql.read.all(operation.stream, operation.after, operation.limit);
      case "head":
        return headOf(operation.stream);
      case "acquire":
        return acquire(operation);
      case "renew":
        return extend(operation.name, operation.holder, operation.term, operation.now + operation.ttlMs);
      case "release":
        extend(operation.name, operation.holder, operation.term, 0);
        return null;
      default:
        return assertNever(operation);
    }
  };
}

function versionConflict(collection: string, key: string, wanted: number | null, stored: number | undefined): AppError {
  const say = (version: number | null | undefined): string => (version == null ? "absent" : `at version ${version}`);
  return new AppError("conflict", `document ${collection}/${key} is ${say(stored)}, not ${say(wanted)}`);
}

/** Equal but for the order of keys: then the texts have equal length. */
function sameJson(one: string, other: string): boolean {
  return one === other || (one.length === other.length && isDeepStrictEqual(JSON.parse(one), JSON.parse(other)));
}
