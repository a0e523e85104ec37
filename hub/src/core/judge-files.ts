import type { Problem } from "@muster/shared/model/problem.ts";

interface ListedFile {
  readonly path: string;
  readonly oid: string;
  readonly mode: "file" | "executable" | "symlink" | "submodule";
  readonly bytes: number;
}

/** Files of a directory that the plain renderer reads. Others (README, scripts) are nobody's manifests. */
const MANIFEST = /\.(ya?ml|json)$/;
/** A name that begins with a dot, anywhere in the path: not looked at. */
const HIDDEN = /(^|\/)\./;

/** Which files are to be rendered, and what forbids rendering at all. Paths are those of the listing. */
export function judgeFiles(
  files: readonly ListedFile[],
  limits: { fileBytesMax: number },
): { readonly manifests: readonly ListedFile[]; readonly problems: readonly Problem[] } {
  const visible = files.filter((file) => !HIDDEN.test(file.path));
  const problems = visible.flatMap((file): Problem[] => {
    const where = { path: file.path };
    if (file.mode === "symlink") {
      const message = `${file.path} is a symbolic link; links are not followed.`;
      return [{ code: "SymlinkRefused", message, where, fix: "Put the file itself there." }];
    }
    if (file.mode === "submodule") {
      const message = `${file.path} is a submodule; its files are in another repository.`;
      return [{ code: "SubmoduleRefused", message, where, fix: "Track that repository as a Source of its own." }];
    }
    if (MANIFEST.test(file.path) && file.bytes > limits.fileBytesMax) {
      const message = `${file.path} has ${file.bytes} bytes; a file may have ${limits.fileBytesMax}.`;
      return [{ code: "FileTooLarge", message, where, fix: "Split it into several files." }];
    }
    return [];
  });
  return { manifests: visible.filter((file) => MANIFEST.test(file.path)), problems };
}
