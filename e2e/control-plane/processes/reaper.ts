import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ReaperLine, reaperMark, type Undo } from "./reaper-protocol.ts";

/** Whatever a test starts is told to a reaper at once, so that it goes away with the test's own process. */
export interface Reaper {
  /** Environment that each started process must carry. */
  readonly environment: Readonly<Record<string, string>>;
  readonly pid: number;
  /** Registers what to undo; the answer is called when it has been undone. */
  add(undo: Undo): () => void;
  /** A new temporary folder that is removed at the latest when this process ends. */
  temporaryFolder(prefix: string): TemporaryFolder;
  /** Ends the watchdog, which undoes whatever is still registered. */
  close(): Promise<void>;
}

export interface TemporaryFolder {
  readonly path: string;
  remove(): void;
}

export function startReaper(): Reaper {
  const mark = randomUUID();
  const watchdog = spawn(process.execPath, [join(import.meta.dirname, "reaper-main.ts"), mark], {
    // A session of its own: Ctrl-C in the terminal must not reach it.
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
    // Neither the flags nor the coverage of the test's own process belong there.
    env: { ...process.env, NODE_OPTIONS: "", NODE_V8_COVERAGE: "" },
  });
  const ended = new Promise<void>((resolve) => watchdog.once("exit", () => resolve()));
  // Only its pipe matters; it must never keep a finished test process alive.
  watchdog.unref();
  (watchdog.stdin as unknown as { unref(): void }).unref();
  watchdog.stdin?.on("error", () => {});
  const send = (line: ReaperLine) => watchdog.stdin?.write(`${JSON.stringify(line)}\n`);

  const add = (undo: Undo) => {
    const id = randomUUID();
    send({ add: id, undo });
    return () => void send({ drop: id });
  };
  return {
    environment: { [reaperMark]: mark },
    pid: pidOf(watchdog),
    add,
    temporaryFolder: (prefix) => temporaryFolder(prefix, add),
    close: async () => {
      watchdog.ref();
      watchdog.stdin?.end();
      await ended;
    },
  };
}

function temporaryFolder(prefix: string, add: Reaper["add"]): TemporaryFolder {
  // The real path: on macOS the temporary folder is a link, and git compares paths as text.
  const path = mkdtempSync(join(realpathSync(tmpdir()), `${prefix}-`));
  const drop = add({ kind: "remove-folder", path });
  return {
    path,
    remove: () => {
      rmSync(path, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
      drop();
    },
  };
}

function pidOf(child: ChildProcess): number {
  if (child.pid === undefined) throw new Error(`cannot start ${process.execPath} as the watchdog of test processes`);
  return child.pid;
}
