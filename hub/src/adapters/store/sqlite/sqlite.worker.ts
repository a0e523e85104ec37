/**
 * Owns the database file. Everything that arrived while the last transaction was being committed goes into the next
 * one, so that any number of callers share one fsync (group commit). Nobody is answered before the commit.
 */
import { DatabaseSync } from "node:sqlite";
import { parentPort, workerData } from "node:worker_threads";
import { AppError, isAppError, messageOf } from "@muster/shared/errors.ts";
import { createExecute } from "./execute.ts";
import { migrate } from "./migrations.ts";
import type { Change, Failure, FromWorker, Operation, Outcome, ToWorker } from "./protocol.ts";

const port = parentPort;
if (port === null) throw new Error("sqlite.worker runs as a worker thread");
const { file } = workerData as { file: string };
const send = (message: FromWorker): void => port.postMessage(message);

function open(): DatabaseSync {
  try {
    const database = new DatabaseSync(file, { timeout: 0 });
    // One process owns the file; a second hub on it must fail at once and say so.
    database.exec("PRAGMA locking_mode = EXCLUSIVE");
    database.exec("PRAGMA journal_mode = WAL");
    database.exec("PRAGMA cache_size = -8192");
    migrate(database, file);
    return database;
  } catch (cause) {
    throw isAppError(cause) ? cause : openFailure(cause);
  }
}

function openFailure(cause: unknown): AppError {
  const text = messageOf(cause);
  if (/locked|busy/i.test(text)) {
    return new AppError("conflict", `${file} is in use by another hub process`, {
      fix: "One hub owns a data directory. Stop the other one, or give this one a directory of its own.",
    });
  }
  if (/not a database|malformed|corrupt/i.test(text)) {
    return new AppError("corrupt", `${file} is damaged: ${text}`, {
      fix: "It was left as it is. Restore a backup, or move the file away to begin with an empty hub.",
    });
  }
  return new AppError("unavailable", `cannot open ${file}: ${text}`, { retryable: false });
}

const toFailure = (error: unknown): Failure =>
  isAppError(error)
    ? { code: error.code, message: error.message, fix: error.fix }
    : { code: "unavailable", message: messageOf(error) };

/** Whether losing the operation with the machine (not the process) is acceptable. */
const isVolatile = (operation: Operation): boolean =>
  operation.op === "blob-chunk" || (operation.op === "put" && !operation.durable) || isRead(operation);

const isRead = (operation: Operation): boolean =>
  ["get", "list", "read", "head", "blob-read", "blob-size", "blob-list"].includes(operation.op);

function serve(database: DatabaseSync): void {
  const execute = createExecute(database);
  let waiting: { id: number; operation: Operation }[] = [];

  function commit(batch: readonly { id: number; operation: Operation }[]): void {
    const changes: Change[] = [];
    const outcomes: Outcome[] = [];
    const writes = batch.some(({ operation }) => !isRead(operation));
    try {
      if (writes) {
        const mode = batch.every(({ operation }) => isVolatile(operation)) ? "NORMAL" : "FULL";
        database.exec(`PRAGMA synchronous = ${mode}; BEGIN IMMEDIATE`);
      }
      for (const { id, operation } of batch) {
        try {
          outcomes.push({ id, ok: execute(operation, (change) => changes.push(change)) });
        } catch (error) {
          if (!isAppError(error)) throw error;
          outcomes.push({ id, failed: toFailure(error) });
        }
      }
      if (writes) database.exec("COMMIT");
      send({ kind: "batch", outcomes, changes });
    } catch (error) {
      if (database.isTransaction) database.exec("ROLLBACK");
      send({ kind: "batch", outcomes: batch.map(({ id }) => ({ id, failed: toFailure(error) })), changes: [] });
    }
  }

  port?.on("message", (message: ToWorker) => {
    if (message === "close") {
      if (waiting.length > 0) commit(waiting.splice(0));
      database.close();
      port.close();
      return;
    }
    waiting.push(message);
    if (waiting.length > 1) return;
    setImmediate(() => {
      const batch = waiting;
      waiting = [];
      if (batch.length > 0) commit(batch);
    });
  });
}

try {
  const database = open();
  send({ kind: "opened" });
  serve(database);
} catch (error) {
  send({ kind: "failed", failure: toFailure(error) });
  port.close();
}
