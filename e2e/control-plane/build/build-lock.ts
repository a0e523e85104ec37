import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as delay } from "node:timers/promises";

export interface BuildLock {
  release(): void;
}

/**
 * One holder over all processes of this machine. The lock is SQLite's own file lock: the kernel drops it when the
 * holder dies, however it dies, so that nobody ever has to guess whether a lock file is stale.
 *
 * @throws when it is still held after `waitMsMax`.
 */
export async function acquireBuildLock(
  path: string,
  options: { onWait?: () => void; waitMsMax?: number } = {},
): Promise<BuildLock> {
  mkdirSync(dirname(path), { recursive: true });
  const deadline = Date.now() + (options.waitMsMax ?? 60 * 60_000);
  let hasWaited = false;
  for (;;) {
    const lock = tryLock(path);
    if (lock) return lock;
    if (Date.now() > deadline) throw new Error(`another process holds ${path}; wait for its build or stop it`);
    if (!hasWaited) options.onWait?.();
    hasWaited = true;
    await delay(250);
  }
}

function tryLock(path: string): BuildLock | undefined {
  const database = new DatabaseSync(path);
  try {
    database.exec("PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE");
    return { release: () => database.close() };
  } catch (error) {
    database.close();
    // 5 is SQLITE_BUSY: somebody else has it. Anything else is a broken disk or folder and must be seen.
    if ((error as { errcode?: number }).errcode === 5) return undefined;
    throw error;
  }
}
