/**
 * The watchdog. It does nothing until its standard input closes, then undoes, newest first, whatever its owner had
 * started and not yet undone: a test that is interrupted, crashes or is killed with -9 leaves nothing behind.
 * Run as `node reaper-main.ts MARK`.
 */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { createInterface } from "node:readline";
import { killProcess, processIdentity } from "./process-identity.ts";
import { type ReaperLine, reaperMark, type Undo } from "./reaper-protocol.ts";

interface Entry {
  readonly undo: Undo;
  /** Tells a process from a later one with the same id. */
  readonly identity?: string | undefined;
}

const mark = `${reaperMark}=${process.argv[2]}`;
const stack = new Map<string, Entry>();

// The owner's terminal may interrupt the whole session; the reaper must outlive its owner.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});

for await (const text of createInterface({ input: process.stdin })) {
  const line = JSON.parse(text) as ReaperLine;
  if ("drop" in line) stack.delete(line.drop);
  else stack.set(line.add, { undo: line.undo, identity: identityOf(line.undo) });
}

// Processes first: one that still writes could bring back files of a removed folder.
const entries = [...stack.values()].reverse();
for (const entry of entries) if (entry.undo.kind === "stop-process") undo(entry);
for (const pid of markedProcesses()) killProcess(pid, "SIGKILL");
for (const entry of entries) if (entry.undo.kind !== "stop-process") undo(entry);

function identityOf(undo: Undo): string | undefined {
  return undo.kind === "stop-process" ? processIdentity(undo.pid) : undefined;
}

function undo({ undo, identity }: Entry): void {
  try {
    switch (undo.kind) {
      case "stop-process":
        if (identity !== undefined && processIdentity(undo.pid) === identity) killProcess(undo.pid, "SIGKILL");
        break;
      case "remove-folder":
        rmSync(undo.path, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
        break;
      case "run":
        execFileSync(undo.command, undo.args, { stdio: "ignore", timeout: 120_000 });
        break;
    }
  } catch {
    // Nobody is left to tell, and the rest of the stack matters more.
  }
}

function markedProcesses(): number[] {
  if (process.platform !== "linux") return [];
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => pid !== process.pid && environmentOf(pid).includes(mark));
}

function environmentOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
  } catch {
    return []; // ended meanwhile, or another user's
  }
}
