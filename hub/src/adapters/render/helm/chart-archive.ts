import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { extract } from "tar-stream";

export interface ChartFile {
  /** Relative to the chart. */
  readonly path: string;
  readonly bytes: Uint8Array;
}

const ARCHIVE_BYTES_MAX = 100 * 1_024 * 1_024;
const ARCHIVE_FILES_MAX = 5_000;

/**
 * The files of a packed chart, to look at. What is too much, or no archive at all, gives none: Helm refuses it in its own
 * words.
 */
export async function unpackChart(archive: Uint8Array): Promise<readonly ChartFile[]> {
  const files: ChartFile[] = [];
  let bytes = 0;
  const entries = extract();
  entries.on("entry", (header, stream, next) => {
    const chunks: Buffer[] = [];
    stream.on("data", (data) => {
      const chunk = data as Buffer;
      bytes += chunk.length;
      if (bytes > ARCHIVE_BYTES_MAX) entries.destroy(new Error("too large"));
      else chunks.push(chunk);
    });
    stream.on("error", next);
    stream.on("end", () => {
      // The first part is the folder that was packed.
      const path = header.name.split("/").slice(1).join("/");
      if (header.type === "file" && path !== "") files.push({ path, bytes: Buffer.concat(chunks) });
      if (files.length > ARCHIVE_FILES_MAX) entries.destroy(new Error("too many files"));
      else next();
    });
  });
  try {
    await pipeline(Readable.from([archive]), createGunzip(), entries);
  } catch {
    return [];
  }
  return files;
}
