import { type ChildProcess, spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { cancelled } from "@muster/shared/clock.ts";
import { AppError, messageOf } from "@muster/shared/errors.ts";

export interface ProcessCommand {
  /** Program first. */
  readonly command: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly outputBytesMax: number;
  /** Resident; watched where there is a /proc. */
  readonly memoryBytesMax: number;
  readonly timeoutMsMax: number;
}

export type ProcessEnd =
  | { readonly kind: "exit"; readonly code: number; readonly output: Buffer; readonly errors: string }
  /** A signal that we did not send: the kernel, for want of memory or a limit, or a person. */
  | { readonly kind: "signal"; readonly name: string; readonly errors: string }
  /** Killed here. `cpuMs`: what it computed until then, where that can be told. */
  | { readonly kind: "over-limit"; readonly limit: "output" | "memory" | "time"; readonly cpuMs: number | null };

const ERRORS_BYTES_MAX = 64 * 1_024;
const MEMORY_WATCH_MS = 50;
const PAGE_BYTES = 4_096;
/** USER_HZ: what the kernel tells user space in, whatever it counts in itself. */
const TICKS_PER_SECOND = 100;

/**
 * One process in a group of its own, from start to end: it starts, and then exits, is killed for going over a limit, or
 * is killed because `signal` aborts. When this settles, nothing of its group is left, and its pipes are read.
 *
 * @throws AppError "unavailable" when it cannot be started, "cancelled".
 */
export function runProcess(call: ProcessCommand, signal: AbortSignal): Promise<ProcessEnd> {
  if (signal.aborted) return Promise.reject(cancelled("rendering", signal.reason));
  const [program = "", ...args] = call.command;
  return new Promise((resolve, reject) => {
    let child: ChildProcess;
    try {
      child = spawn(program, args, {
        cwd: call.cwd,
        env: call.env as NodeJS.ProcessEnv,
        detached: true,
        stdio: ["ignore", "pipe", "pipe"],
      });
    } catch (cause) {
      return reject(new AppError("unavailable", `${program} cannot be started: ${messageOf(cause)}`, { cause }));
    }
    const output: Buffer[] = [];
    const errors: Buffer[] = [];
    let outputBytes = 0;
    let errorsBytes = 0;
    let isEnding = false;
    let verdict: Promise<ProcessEnd> | AppError | null = null;

    const killFor = (limit: "output" | "memory" | "time"): void => {
      if (isEnding) return;
      isEnding = true;
      // Asked before it is killed: afterwards nobody knows.
      verdict = cpuMsOf(child.pid).then((cpuMs) => ({ kind: "over-limit", limit, cpuMs }));
      void verdict.then(() => killGroup(child));
    };
    const onAbort = (): void => {
      isEnding = true;
      verdict = cancelled("rendering", signal.reason);
      killGroup(child);
    };
    const timer = setTimeout(() => killFor("time"), call.timeoutMsMax);
    const watch = setInterval(() => {
      residentBytesOf(child.pid).then(
        (bytes) => bytes > call.memoryBytesMax && killFor("memory"),
        () => clearInterval(watch),
      );
    }, MEMORY_WATCH_MS);
    signal.addEventListener("abort", onAbort, { once: true });
    const settle = (): void => {
      clearTimeout(timer);
      clearInterval(watch);
      signal.removeEventListener("abort", onAbort);
    };

    child.stdout?.on("data", (chunk: Buffer) => {
      outputBytes += chunk.length;
      if (outputBytes > call.outputBytesMax) killFor("output");
      else output.push(chunk);
    });
    child.stderr?.on("data", (chunk: Buffer) => {
      // The first words say what is wrong; whatever comes after is read, so that nobody waits, and dropped.
      if (errorsBytes < ERRORS_BYTES_MAX) errors.push(chunk);
      errorsBytes += chunk.length;
    });
    child.once("error", (cause) => {
      settle();
      killGroup(child);
      reject(new AppError("unavailable", `${program} cannot be started: ${messageOf(cause)}`, { cause }));
    });
    child.once("exit", () => killGroup(child));
    child.once("close", (code, name) => {
      settle();
      if (verdict instanceof AppError) return reject(verdict);
      if (verdict !== null) return resolve(verdict);
      const said = Buffer.concat(errors).subarray(0, ERRORS_BYTES_MAX).toString("utf8");
      if (code === null) resolve({ kind: "signal", name: name ?? "unknown", errors: said });
      else resolve({ kind: "exit", code, output: Buffer.concat(output), errors: said });
    });
  });
}

/** Whoever it started goes with it. */
function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // Nothing of it is left.
  }
}

async function residentBytesOf(pid: number | undefined): Promise<number> {
  const [, pages = "0"] = (await readFile(`/proc/${pid}/statm`, "latin1")).split(" ");
  return Number(pages) * PAGE_BYTES;
}

async function cpuMsOf(pid: number | undefined): Promise<number | null> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "latin1");
    // The name before is in parentheses and may hold anything.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return ((Number(fields[11]) + Number(fields[12])) * 1_000) / TICKS_PER_SECOND;
  } catch {
    return null;
  }
}
