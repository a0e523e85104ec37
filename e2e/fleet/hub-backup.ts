import { cpSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { HubProcess } from "./hub-process.ts";

export interface HubBackup {
  /** Puts the copy in the place of what there is. The hub must not run. */
  restore(): void;
}

const isDatabase = (name: string): boolean => /\.(db|sqlite)(-wal|-shm)?$/.test(name);

/** Copies the database of a hub that does not run; its keys and tokens stay where they are. */
export function backUpHub(hub: HubProcess, folder: string): HubBackup {
  if (hub.isRunning) throw new Error("a database is copied while its hub is stopped");
  const copies = join(folder, `backup-${readdirSync(folder).length}`);
  const files = readdirSync(hub.dataDir).filter(isDatabase);
  if (files.length === 0) throw new Error(`no database among ${readdirSync(hub.dataDir).join(", ")}`);
  for (const file of files) cpSync(join(hub.dataDir, file), join(copies, file));
  return {
    restore: () => {
      if (hub.isRunning) throw new Error("a database is replaced while its hub is stopped");
      for (const file of readdirSync(hub.dataDir).filter(isDatabase)) rmSync(join(hub.dataDir, file));
      for (const file of files) cpSync(join(copies, file), join(hub.dataDir, file));
    },
  };
}
