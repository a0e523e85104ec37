import type { BundleInput, BundleResult } from "../../ports/bundler.ts";

/** What goes to a worker: all contents in one buffer, which is handed over and not copied again. */
export interface BundleTask {
  /** All of the input but the files. */
  readonly options: Omit<BundleInput, "files">;
  readonly paths: readonly string[];
  readonly sizes: readonly number[];
  readonly contents: ArrayBuffer;
  /** One 32-bit integer: the index of the file that is being read, or -1. */
  readonly reading: SharedArrayBuffer;
}

export type BundleAnswer = BundleResult;

interface File {
  readonly path: string;
  readonly bytes: Uint8Array;
}

export function packFiles(files: readonly File[]): Pick<BundleTask, "paths" | "sizes" | "contents"> {
  const contents = new Uint8Array(files.reduce((total, { bytes }) => total + bytes.length, 0));
  let offset = 0;
  for (const { bytes } of files) {
    contents.set(bytes, offset);
    offset += bytes.length;
  }
  return {
    paths: files.map(({ path }) => path),
    sizes: files.map(({ bytes }) => bytes.length),
    contents: contents.buffer,
  };
}

export function unpackFiles({ paths, sizes, contents }: Pick<BundleTask, "paths" | "sizes" | "contents">): File[] {
  let offset = 0;
  return paths.map((path, index) => {
    const size = sizes[index] as number;
    const bytes = new Uint8Array(contents, offset, size);
    offset += size;
    return { path, bytes };
  });
}
