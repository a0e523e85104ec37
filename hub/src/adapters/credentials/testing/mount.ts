import { mkdir, mkdtemp, readlink, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A directory of credentials as the kubelet keeps it. */
export interface MountedDirectory {
  readonly directory: string;
  /** Mounts a Secret, or changes it in one step: `..data` is turned to the new files, and keys are links through it. */
  mount(name: string, files: Readonly<Record<string, string | Uint8Array>>): Promise<void>;
  close(): Promise<void>;
}

export const BOUND = { urls: "https://git.example.com/team/\n", projects: "storefront\n" } as const;

export async function mountedDirectory(): Promise<MountedDirectory> {
  const directory = await mkdtemp(join(tmpdir(), "muster-credentials-"));
  let version = 0;
  return {
    directory,
    async mount(name, files) {
      const folder = join(directory, name);
      version += 1;
      const data = `..2026_03_03_12_00_00.${version}`;
      await mkdir(join(folder, data), { recursive: true });
      for (const [file, content] of Object.entries(files)) await writeFile(join(folder, data, file), content);
      const before = await readlink(join(folder, "..data")).catch(() => null);
      await symlink(data, join(folder, "..data_tmp"));
      await rename(join(folder, "..data_tmp"), join(folder, "..data"));
      for (const file of Object.keys(files)) {
        await rm(join(folder, file), { force: true });
        await symlink(join("..data", file), join(folder, file));
      }
      if (before !== null) await rm(join(folder, before), { recursive: true });
    },
    close: () => rm(directory, { recursive: true, force: true }),
  };
}
