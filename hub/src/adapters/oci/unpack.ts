import { closeSync, fsyncSync, openSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { constants, createGunzip, createZstdDecompress } from "node:zlib";
import { AppError } from "@muster/shared/errors.ts";
import { type Extract, extract } from "tar-stream";
import type { ArtifactLimits } from "../../ports/artifact-source.ts";
import { parentOf, type StoredFile, startBlobHash, storedTree } from "./artifact-tree.ts";

export interface UnpackTask {
  readonly layers: readonly {
    /** `org.opencontainers.image.title`: the path of a file that is a layer of its own. */
    readonly title: string | null;
    readonly bytes: Uint8Array;
  }[];
  /** An empty directory, to which `contents` and `tree.json` are written. */
  readonly directory: string;
  readonly limits: ArtifactLimits;
}

const PATH_BYTES_MAX = 1_024;
const NAME_BYTES_MAX = 255;
const DEPTH_MAX = 64;
const LINK_BYTES_MAX = 4_096;
/** What a tar adds to each of its files: a header and what rounds up to the next, names that are long included. */
const TAR_OVERHEAD_BYTES_MAX = 4_096;
/** The most that a zstd frame may make its reader remember: 128 MiB, as the command line allows. */
const ZSTD_WINDOW_LOG_MAX = 27;

/**
 * Unpacks layers, the later over the earlier, into one file of contents and an index of it. No path of an archive is
 * ever a path of this machine, so there is nothing that could lead out; those that try are refused all the same.
 * @throws AppError "invalid", "too-large".
 */
export async function unpack({ layers, directory, limits }: UnpackTask): Promise<void> {
  const contents = openSync(join(directory, "contents"), "wx", 0o600);
  try {
    const files = new FileTable(contents, limits);
    for (const { title, bytes } of layers) await unpackLayer(files, title, bytes, limits);
    if (files.table.size === 0) throw new AppError("invalid", "it holds no files");
    fsyncSync(contents);
    const tree = openSync(join(directory, "tree.json"), "wx", 0o600);
    writeFileSync(tree, JSON.stringify(storedTree(files.table)));
    fsyncSync(tree);
    closeSync(tree);
  } finally {
    closeSync(contents);
  }
}

async function unpackLayer(
  files: FileTable,
  title: string | null,
  bytes: Uint8Array,
  limits: ArtifactLimits,
): Promise<void> {
  const stream = decompressed(bytes, limits.unpackedBytesMax + limits.filesMax * TAR_OVERHEAD_BYTES_MAX);
  const { head, whole } = await peek(stream, 512);
  // Zeros are how a tar ends, so nothing but them is an empty one.
  const isEmptyTar = title === null && head.length === 512 && head.every((byte) => byte === 0);
  if (!isTar(head) && !isEmptyTar) {
    if (title === null) throw new AppError("invalid", "one of its layers is neither a tar nor a file with a title");
    return files.add(title, "file", bytes.length, [bytes]);
  }
  const entries = extract();
  const reading = (async () => {
    for await (const entry of entries) await unpackEntry(files, entry);
  })();
  const results = await Promise.allSettled([reading, pipeline(whole, entries as unknown as NodeJS.WritableStream)]);
  const failures = results.flatMap((one) => (one.status === "rejected" ? [one.reason as Error] : []));
  const [cause] = failures;
  if (cause === undefined) return;
  throw (
    failures.find((one) => one instanceof AppError) ??
    new AppError("invalid", `its archive is damaged: ${cause.message}`, { cause })
  );
}

type Entry = Extract extends AsyncIterable<infer Item> ? Item : never;

async function unpackEntry(files: FileTable, entry: Entry): Promise<void> {
  const { name, type, mode, size, linkname } = entry.header;
  switch (type) {
    case "file":
    case "contiguous-file":
      await files.add(
        name,
        (mode & 0o100) === 0 ? "file" : "executable",
        size,
        entry as unknown as AsyncIterable<Uint8Array>,
      );
      return;
    case "symlink":
      await files.addSymlink(name, linkname);
      break;
    case "link":
      files.addLink(name, linkname);
      break;
    case "directory":
      normalize(name);
      break;
    default:
      throw new AppError("invalid", `${JSON.stringify(name)} in it is neither file, directory nor link`);
  }
  entry.resume();
}

class FileTable {
  readonly table = new Map<string, StoredFile>();
  readonly #directories = new Set<string>();
  readonly #byOid = new Map<string, StoredFile>();
  readonly #contents: number;
  readonly #limits: ArtifactLimits;
  #end = 0;
  #total = 0;

  constructor(contents: number, limits: ArtifactLimits) {
    this.#contents = contents;
    this.#limits = limits;
  }

  async add(
    name: string,
    mode: StoredFile["mode"],
    bytes: number,
    chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  ): Promise<void> {
    const path = this.#admit(name);
    this.#total += bytes;
    if (this.#total > this.#limits.unpackedBytesMax) throw tooLarge(this.#limits);
    const hash = startBlobHash(bytes);
    let at = this.#end;
    for await (const chunk of chunks) {
      hash.update(chunk);
      for (let from = 0; from < chunk.length; ) {
        const written = writeSync(this.#contents, chunk, from, chunk.length - from, at);
        from += written;
        at += written;
      }
    }
    const oid = hash.digest("hex");
    // Equal contents are kept once.
    const known = this.#byOid.get(oid);
    const place = known ?? { offset: this.#end, bytes };
    if (known === undefined) this.#end = at;
    const file: StoredFile = { mode, oid, offset: place.offset, bytes };
    this.#byOid.set(oid, file);
    this.table.set(path, file);
  }

  /** Kept as it is, wherever it leads: nobody follows it here. */
  async addSymlink(name: string, target: string): Promise<void> {
    const bytes = Buffer.from(target);
    if (bytes.length === 0 || bytes.length > LINK_BYTES_MAX) {
      throw new AppError("invalid", `the link ${JSON.stringify(name)} in it leads nowhere`);
    }
    await this.add(name, "symlink", bytes.length, [bytes]);
  }

  /** A hard link: another name for a file that came before it. */
  addLink(name: string, target: string): void {
    const file = this.table.get(normalize(target));
    if (file === undefined) {
      throw new AppError("invalid", `the link ${JSON.stringify(name)} in it names no file that came before it`);
    }
    this.table.set(this.#admit(name), file);
  }

  #admit(name: string): string {
    const path = normalize(name);
    if (path === "" || this.#directories.has(path)) throw twoKinds(path);
    if (!this.table.has(path) && this.table.size >= this.#limits.filesMax) {
      throw new AppError("too-large", `it holds more than ${this.#limits.filesMax} files`);
    }
    for (let at = parentOf(path); at !== "" && !this.#directories.has(at); at = parentOf(at)) {
      if (this.table.has(at)) throw twoKinds(at);
      this.#directories.add(at);
    }
    return path;
  }
}

const twoKinds = (path: string): AppError =>
  new AppError("invalid", `${JSON.stringify(path)} in it is a directory and something else`);

/** `./apps//shop/` → `apps/shop`. @throws AppError "invalid" for a path that leads out, or that no one could write. */
function normalize(name: string): string {
  const refuse = (why: string): AppError =>
    new AppError("invalid", `the path ${JSON.stringify(name.slice(0, 200))} in it ${why}`);
  if (name.startsWith("/")) throw refuse("is absolute");
  const parts = name.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..")) throw refuse("leads out of it");
  if (/[\p{Cc}\ufffd]/u.test(name)) throw refuse("is not readable text");
  const isLong = Buffer.byteLength(name) > PATH_BYTES_MAX || parts.length > DEPTH_MAX;
  if (isLong || parts.some((part) => Buffer.byteLength(part) > NAME_BYTES_MAX)) throw refuse("is too long");
  return parts.join("/");
}

async function* decompressed(bytes: Uint8Array, bytesMax: number): AsyncGenerator<Uint8Array, void, void> {
  const unpacker = unpackerOf(bytes);
  if (unpacker === null) {
    yield bytes;
    return;
  }
  const source = Readable.from(slices(bytes));
  source.on("error", (error) => unpacker.destroy(error));
  let total = 0;
  for await (const chunk of source.pipe(unpacker) as AsyncIterable<Uint8Array>) {
    total += chunk.length;
    if (total > bytesMax) throw new AppError("too-large", "it unpacks to more than an artifact may hold");
    yield chunk;
  }
}

/** By how they begin: what the media type says is often less exact. */
function unpackerOf(bytes: Uint8Array) {
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) return createGunzip();
  const isZstd = bytes[0] === 0x28 && bytes[1] === 0xb5 && bytes[2] === 0x2f && bytes[3] === 0xfd;
  if (!isZstd) return null;
  return createZstdDecompress({ params: { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG_MAX } });
}

function* slices(bytes: Uint8Array): Generator<Uint8Array, void, void> {
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
}

/** The first `count` bytes, and a stream that begins with them again. What is no archive at all has an empty head. */
async function peek(
  stream: AsyncGenerator<Uint8Array, void, void>,
  count: number,
): Promise<{ head: Buffer; whole: AsyncIterable<Uint8Array> }> {
  const first: Uint8Array[] = [];
  for (let length = 0; length < count; ) {
    const next = await stream.next().catch((error: unknown) => {
      if (error instanceof AppError) throw error;
      return null;
    });
    if (next === null) return { head: Buffer.alloc(0), whole: stream };
    if (next.done === true) break;
    first.push(next.value);
    length += next.value.length;
  }
  async function* whole(): AsyncGenerator<Uint8Array, void, void> {
    yield* first;
    yield* stream;
  }
  return { head: Buffer.concat(first).subarray(0, count), whole: whole() };
}

/** Begins with a header whose checksum is right. */
function isTar(head: Buffer): boolean {
  if (head.length < 512) return false;
  const written = Number.parseInt(
    head
      .toString("latin1", 148, 156)
      .replace(/[^0-7].*$/s, "")
      .trim() || "x",
    8,
  );
  let sum = 8 * 0x20;
  for (const [at, byte] of head.entries()) if (at < 148 || at >= 156) sum += byte;
  return sum === written;
}

const tooLarge = ({ unpackedBytesMax }: ArtifactLimits): AppError =>
  new AppError("too-large", `its files have more than ${Math.floor(unpackedBytesMax / 1024 / 1024)} MiB together`);
