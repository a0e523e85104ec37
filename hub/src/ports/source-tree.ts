export type EntryMode = "file" | "executable" | "directory" | "symlink" | "submodule";

export interface TreeEntry {
  /** Relative to the root of the tree, `/`-separated, without `.` or `..`. */
  readonly path: string;
  /** Object id: equal ids mean equal content, of a directory all of it. */
  readonly oid: string;
  readonly mode: EntryMode;
}

/**
 * The files of one Revision, whatever it came from. Reads only; paths are looked up as they are, and links are entries
 * of their own that nobody follows.
 */
export interface SourceTree {
  /** Null when there is nothing at this path. `""` is the root. */
  entry(path: string): Promise<TreeEntry | null>;
  /** What is directly in a directory, ordered by path; empty when there is none. */
  list(path: string): Promise<readonly TreeEntry[]>;
  /** Every file below a directory, ordered by path, with its size. @throws AppError "too-large" above `filesMax`. */
  walk(path: string, opts: { filesMax: number }): Promise<readonly (TreeEntry & { readonly bytes: number })[]>;
  /** Contents in the order asked for. @throws AppError "too-large" when they exceed `bytesMax` together. */
  read(oids: readonly string[], opts: { bytesMax: number }): Promise<readonly Uint8Array[]>;
}
