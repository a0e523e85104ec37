import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { EXIT, Failure } from "../failure.ts";

/** What `muster up` remembers between runs, below `~/.local/state/muster/up`. */
export const upRecord = z.object({
  /** The process that runs it, which may be gone; 0 when it ended in good order. */
  pid: z.int().min(0),
  url: z.string(),
  repository: z.string(),
  branch: z.string(),
  path: z.string(),
  /** Name of the App and its Source, in the project `default`. */
  app: z.string(),
  clusters: z.array(
    z.object({
      name: z.string(),
      /** Kubeconfig context; null: in memory, gone with the process. */
      context: z.string().nullable(),
      /** Whether the agent's namespace was made by `up`, and so is its to delete. */
      madeNamespace: z.boolean(),
    }),
  ),
});
export type UpRecord = z.infer<typeof upRecord>;

export interface UpFolder {
  readonly root: string;
  /** The hub's own: database, keys, Git mirrors. */
  readonly hub: string;
  readonly tokenFile: string;
  readonly caFile: string;
  readonly recordFile: string;
}

/** XDG's rules: `$XDG_STATE_HOME`, or `~/.local/state`. */
export function upFolder(env: Readonly<Record<string, string | undefined>>, home: string): UpFolder {
  const root = join(env.XDG_STATE_HOME || join(home, ".local", "state"), "muster", "up");
  return {
    root,
    hub: join(root, "hub"),
    tokenFile: join(root, "hub", "admin-token"),
    caFile: join(root, "ca.pem"),
    recordFile: join(root, "up.json"),
  };
}

export async function readUpRecord(folder: UpFolder): Promise<UpRecord | null> {
  try {
    return upRecord.parse(JSON.parse(await readFile(folder.recordFile, "utf8")));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw new Failure(EXIT.failed, `${folder.recordFile} is not understood.`, {
      fix: `If no "muster up" runs, remove the folder ${folder.root}.`,
      cause: error,
    });
  }
}

export async function writeUpRecord(folder: UpFolder, record: UpRecord): Promise<void> {
  await makeFolder(folder);
  const draft = `${folder.recordFile}.new`;
  await writeFile(draft, `${JSON.stringify(record, null, 2)}\n`, { mode: 0o600 });
  await rename(draft, folder.recordFile);
}

export async function makeFolder(folder: UpFolder): Promise<void> {
  await mkdir(folder.root, { recursive: true, mode: 0o700 });
}

export const forgetUp = (folder: UpFolder): Promise<void> => rm(folder.root, { recursive: true, force: true });

/** Whether the process of a record is there. Another process may have its number by now: see the hub's answer, too. */
export function isRunning({ pid }: Pick<UpRecord, "pid">): boolean {
  if (pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
