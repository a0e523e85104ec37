import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** Files that hold a secret for as long as a program needs them, which only we may read. */
export interface SecretFiles {
  /** Runs `work` with the path of each file by its name. They are gone when it has ended, whatever became of it. */
  during<Name extends string, T>(
    files: Readonly<Record<Name, string>>,
    work: (paths: Readonly<Record<Name, string>>) => Promise<T>,
  ): Promise<T>;
}

/** Nobody else uses `directory`: what a killed process left there goes at the first use. */
export function createSecretFiles(directory: string): SecretFiles {
  let ready: Promise<void> | null = null;
  const prepare = async (): Promise<void> => {
    await rm(directory, { recursive: true, force: true });
    await mkdir(directory, { recursive: true, mode: 0o700 });
  };
  return {
    async during(files, work) {
      ready ??= prepare().catch((error: unknown) => {
        ready = null;
        throw error;
      });
      await ready;
      const folder = await mkdtemp(join(directory, "use-"));
      try {
        const paths: Record<string, string> = {};
        for (const [name, text] of Object.entries<string>(files)) {
          paths[name] = join(folder, name);
          await writeFile(paths[name], text, { mode: 0o600 });
        }
        return await work(paths as never);
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
  };
}
