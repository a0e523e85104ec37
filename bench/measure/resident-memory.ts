// Resident memory of a process and all its descendants, from Linux /proc. It is RSS, not PSS: pages that processes
// share (the text of one binary, forked memory) count once for each of them, so the sum is never flattering.
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { settle } from "./settle.ts";

export type ResidentMemory = {
  bytes: number;
  /** How many processes the sum is over. */
  processes: number;
  /** False if the deadline came before the sum kept still; `bytes` is then the last one seen. */
  isSettled: boolean;
};

const sampleEveryMs = 250;

/**
 * Waits until the sum keeps within 2 % for `windowMs` (default 3 s), at most `deadlineMs` (default 60 s).
 * @throws if the process is gone, or the signal is aborted.
 */
export async function residentMemory(
  pid: number,
  options: { windowMs?: number; deadlineMs?: number; signal?: AbortSignal } = {},
): Promise<ResidentMemory> {
  const { windowMs = 3_000, deadlineMs = 60_000, signal } = options;
  let processes = 0;
  const settled = await settle({
    sample: () => {
      const now = residentMemoryNow(pid);
      processes = now.processes;
      return now.bytes;
    },
    pause: () => wait(sampleEveryMs, undefined, { signal }),
    windowSamples: Math.max(2, Math.ceil(windowMs / sampleEveryMs)),
    samplesMax: Math.max(2, Math.ceil(deadlineMs / sampleEveryMs)),
    tolerance: 0.02,
  });
  return { bytes: settled.value, processes, isSettled: settled.isSettled };
}

/** The sum at this moment. */
export function residentMemoryNow(pid: number): { bytes: number; processes: number } {
  if (process.platform !== "linux") throw new Error("resident memory is read from /proc, which only Linux has");
  const own = residentBytes(pid);
  if (own === null) throw new Error(`process ${pid} is gone`);
  let bytes = own;
  let processes = 1;
  for (const descendant of descendantsOf(pid)) {
    const found = residentBytes(descendant);
    if (found === null) continue; // Ended between the listing and the reading.
    bytes += found;
    processes++;
  }
  return { bytes, processes };
}

function residentBytes(pid: number): number | null {
  const status = readProcessFile(pid, "status");
  if (status === null) return null;
  // A zombie has no VmRSS line, and holds no memory either.
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
}

function descendantsOf(ancestor: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const stat = readProcessFile(Number(name), "stat");
    // "pid (command) state ppid …": the command may hold spaces and parentheses, so count from the last one.
    const parent = Number(stat?.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
    if (!Number.isNaN(parent)) children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const found = [...(children.get(ancestor) ?? [])];
  for (const pid of found) found.push(...(children.get(pid) ?? []));
  return found;
}

function readProcessFile(pid: number, file: string): string | null {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch (error) {
    if (["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) return null;
    throw error;
  }
}
