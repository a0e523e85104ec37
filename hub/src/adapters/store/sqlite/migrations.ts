import type { DatabaseSync } from "node:sqlite";
import { AppError } from "@muster/shared/errors.ts";

/** Marks the file as Muster's (`PRAGMA application_id`): "MSTR". */
const APPLICATION_ID = 0x4d535452;

/** Append-only: the schema's version is the number of statements that were carried out. */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
   INSERT INTO counters VALUES ('version', 0);

   CREATE TABLE documents (
     collection TEXT NOT NULL, key TEXT NOT NULL, version INTEGER NOT NULL, value TEXT NOT NULL,
     PRIMARY KEY (collection, key)
   ) STRICT, WITHOUT ROWID;

   -- Bytes lie in rows of their own, so that a range is read without walking the whole blob.
   CREATE TABLE blobs (name TEXT PRIMARY KEY, bytes INTEGER NOT NULL, stored_at INTEGER NOT NULL) STRICT;
   CREATE TABLE blob_chunks (
     name TEXT NOT NULL, chunk INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (name, chunk)
   ) STRICT;

   CREATE TABLE journal (
     stream TEXT NOT NULL, sequence INTEGER NOT NULL, id TEXT NOT NULL, value TEXT NOT NULL,
     PRIMARY KEY (stream, sequence)
   ) STRICT, WITHOUT ROWID;
   CREATE UNIQUE INDEX journal_id ON journal (stream, id);

   -- A row outlives its lease: the term must never fall.
   CREATE TABLE leases (
     name TEXT PRIMARY KEY, holder TEXT NOT NULL, term INTEGER NOT NULL, expires_at INTEGER NOT NULL
   ) STRICT;`,
];

/**
 * Brings a new or older file to this version's schema.
 * @throws AppError "unsupported" for a file of a newer Muster, "corrupt" for a file that is not Muster's.
 */
export function migrate(database: DatabaseSync, file: string): void {
  const read = (pragma: string): number => Number(Object.values(database.prepare(`PRAGMA ${pragma}`).get() ?? {})[0]);
  const version = read("user_version");
  const owner = read("application_id");
  const tables = Number(Object.values(database.prepare("SELECT count(*) FROM sqlite_schema").get() ?? {})[0]);
  if (owner !== APPLICATION_ID && (tables > 0 || version > 0)) {
    throw new AppError("corrupt", `${file} is an SQLite database, but not one of Muster's`, {
      fix: "Point the hub at its own file, or at an empty data directory.",
    });
  }
  if (version > MIGRATIONS.length) {
    throw new AppError(
      "unsupported",
      `${file} has schema ${version}; this hub knows schemas up to ${MIGRATIONS.length}`,
      { fix: "A newer hub wrote it. Start that version again, or restore a backup made before the upgrade." },
    );
  }
  for (let next = version; next < MIGRATIONS.length; next++) {
    database.exec("BEGIN IMMEDIATE");
    database.exec(MIGRATIONS[next] as string);
    database.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
    database.exec(`PRAGMA user_version = ${next + 1}`);
    database.exec("COMMIT");
  }
}
