import type { Engine } from "../create-git-source.ts";
import type { SecretFiles } from "../secret-files.ts";
import { openMirror } from "./mirror.ts";

/** The native binary over bare mirrors in `directory`: one fetch process when something is new, one reader. */
export function openNativeEngine(opts: { directory: string; secrets: SecretFiles }): Engine {
  return {
    speaksSsh: true,
    openMirror: (_remote, name) => openMirror(opts.directory, name, opts.secrets),
    close: async () => {},
  };
}
