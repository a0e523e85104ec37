import { AppError } from "@muster/shared/errors.ts";

export interface RawEntry {
  readonly name: string;
  readonly oid: string;
  readonly mode: "directory" | "file" | "executable" | "symlink" | "submodule";
}

const MODES: Readonly<Record<string, RawEntry["mode"]>> = {
  "40000": "directory",
  "100644": "file",
  "100664": "file",
  "100755": "executable",
  "120000": "symlink",
  "160000": "submodule",
};

/** Reads a tree object's bytes: `<mode> SP <name> NUL <oid>`, repeated (gitformat-tree). `oidBytes`: 20, or 32 in SHA-256 repositories. */
export function parseTree(bytes: Buffer, oidBytes: number): readonly RawEntry[] {
  const entries: RawEntry[] = [];
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at);
    const nul = bytes.indexOf(0, space);
    const end = nul + 1 + oidBytes;
    if (space < 0 || nul < 0 || end > bytes.length) throw new AppError("corrupt", "a tree object is damaged");
    const mode = MODES[bytes.toString("latin1", at, space)];
    if (mode === undefined) throw new AppError("corrupt", `a tree object has an entry of unknown kind`);
    entries.push({ mode, name: bytes.toString("utf8", space + 1, nul), oid: bytes.toString("hex", nul + 1, end) });
    at = end;
  }
  return entries;
}

/** Plain code-unit order of paths, the same on every engine and every machine. */
export const byPath = (one: { path: string }, other: { path: string }): number =>
  one.path < other.path ? -1 : one.path > other.path ? 1 : 0;
