/** What Git LFS keeps in a repository in a file's place. */
export interface LfsPointer {
  /** SHA-256 of the contents, hex. */
  readonly oid: string;
  readonly bytes: number;
}

/** The specification's own limit. */
export const POINTER_BYTES_MAX = 1_024;
const BEGINNING = "version https://git-lfs.github.com/spec/v1\n";

/** Null for every file that is no pointer. */
export function parsePointer(bytes: Uint8Array): LfsPointer | null {
  if (bytes.length > POINTER_BYTES_MAX || bytes.length < BEGINNING.length || bytes[0] !== BEGINNING.charCodeAt(0)) {
    return null;
  }
  const text = Buffer.from(bytes).toString("utf8");
  if (!text.startsWith(BEGINNING)) return null;
  const oid = /^oid sha256:([0-9a-f]{64})$/m.exec(text)?.[1];
  const size = /^size (\d{1,15})$/m.exec(text)?.[1];
  return oid === undefined || size === undefined ? null : { oid, bytes: Number(size) };
}
