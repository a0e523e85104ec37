import { AppError } from "@muster/shared/errors.ts";
import {
  DOCUMENT_BYTES_MAX,
  type DocumentChange,
  type DocumentKey,
  type Documents,
  type Json,
  type StoredDocument,
} from "../../../ports/store.ts";
import type { Connection } from "./connection.ts";
import type { Row } from "./protocol.ts";
import { watchCollection } from "./watch.ts";

const COLLECTION = /^[a-z-]{1,64}$/;
const KEY = /^[A-Za-z0-9_-]+(\/[A-Za-z0-9_-]+)*$/;

export const toDocument = (row: Row): StoredDocument => ({
  key: row.key,
  value: JSON.parse(row.text) as Json,
  version: row.version,
});

function check({ collection, key }: DocumentKey): void {
  if (!COLLECTION.test(collection)) throw new AppError("invalid", `"${collection}" cannot name a collection`);
  if (key.length > 256 || !KEY.test(key)) throw new AppError("invalid", `"${key}" cannot be a document's key`);
}

export function createDocuments(connection: Connection): Documents {
  return {
    async get(at) {
      check(at);
      const row = await connection.run<Row | null>({ op: "get", ...at });
      return row === null ? null : toDocument(row);
    },

    async put(at, value, { ifVersion, durable = true }) {
      check(at);
      const text = JSON.stringify(value);
      const bytes = Buffer.byteLength(text);
      if (bytes > DOCUMENT_BYTES_MAX) {
        throw new AppError(
          "too-large",
          `document ${at.collection}/${at.key} has ${bytes} bytes; ${DOCUMENT_BYTES_MAX} are the most`,
        );
      }
      return connection.run<number>({ op: "put", collection: at.collection, key: at.key, text, ifVersion, durable });
    },

    async delete(at, { ifVersion }) {
      check(at);
      await connection.run({ op: "delete", collection: at.collection, key: at.key, ifVersion });
    },

    async list(collection, { prefix = "" } = {}) {
      const { rows } = await connection.run<{ rows: readonly Row[] }>({ op: "list", collection, prefix });
      return rows.map(toDocument);
    },

    watch(collection, { signal }): AsyncIterable<DocumentChange> {
      return watchCollection(connection, collection, signal);
    },
  };
}
