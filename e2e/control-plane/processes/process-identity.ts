import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

/**
 * Names one run of a process: its id together with its start time, because ids are used again. Undefined when there
 * is no such process (or only its zombie).
 */
export function processIdentity(pid: number): string | undefined {
  try {
    if (process.platform === "linux") {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      // The name in brackets may hold anything; the fields after it are: state, parent, …, start time as the 20th.
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return fields[0] === "Z" || fields[0] === "X" ? undefined : `${pid}@${fields[19]}`;
    }
    const started = execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8" }).trim();
    return started === "" ? undefined : `${pid}@${started}`;
  } catch {
    return undefined;
  }
}

export const isRunning = (pid: number): boolean => processIdentity(pid) !== undefined;

/** Signals the process and, where it leads a group, whatever it started itself. A process already gone is fine. */
export function killProcess(pid: number, signal: NodeJS.Signals): void {
  for (const target of [-pid, pid]) {
    try {
      process.kill(target, signal);
    } catch {
      // ESRCH: no such group or process
    }
  }
}
