import type { Clock } from "@muster/shared/clock.ts";
import { AppError } from "@muster/shared/errors.ts";
import type { Blobs } from "../../../ports/store.ts";
import type { Connection } from "./connection.ts";
import { BLOB_CHUNK_BYTES } from "./protocol.ts";

const LIST_PAGE = 500;

export function createBlobs(connection: Connection, clock: Clock): Blobs {
  const size = (name: string): Promise<number | null> => connection.run({ op: "blob-size", name });
  const read = (name: string, range: { from: number; to: number }): Promise<Uint8Array> =>
    connection.run({ op: "blob-read", name, ...range });

  return {
    size,
    read,
    async put(name, bytes) {
      const stored = await size(name);
      if (stored === bytes.length) return;
      if (stored !== null)
        throw new AppError("conflict", `blob ${name} is stored with ${stored} bytes, not ${bytes.length}`);
      const chunks = Math.ceil(bytes.length / BLOB_CHUNK_BYTES);
      // Each chunk is an operation of its own, so that a large blob holds nobody else up; the seal makes them a blob.
      for (let chunk = 0; chunk < chunks; chunk++) {
        const data = bytes.slice(chunk * BLOB_CHUNK_BYTES, (chunk + 1) * BLOB_CHUNK_BYTES);
        await connection.run({ op: "blob-chunk", name, chunk, data });
      }
      await connection.run({ op: "blob-seal", name, bytes: bytes.length, chunks, now: clock.now() });
    },
    async get(name) {
      const bytes = await size(name);
      return bytes === null ? null : read(name, { from: 0, to: bytes });
    },
    async has(name) {
      return (await size(name)) !== null;
    },
    async delete(name) {
      await connection.run({ op: "blob-delete", name });
    },
    async *list() {
      let after = "";
      while (true) {
        const page = await connection.run<{ name: string; bytes: number; storedAt: number }[]>({
          op: "blob-list",
          after,
          limit: LIST_PAGE,
        });
        yield* page;
        const last = page.at(-1);
        if (last === undefined || page.length < LIST_PAGE) return;
        after = last.name;
      }
    },
  };
}
