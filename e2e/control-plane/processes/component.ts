import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import { GiveUp, pollUntil } from "./poll-until.ts";
import { killProcess } from "./process-identity.ts";
import type { Reaper } from "./reaper.ts";

export interface ComponentOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Everything it prints goes here; appended to when it is started again. */
  readonly logPath: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly user?: { readonly uid: number; readonly gid: number };
  /** Asked again and again until true; an error counts as not yet. */
  readonly ready: (signal: AbortSignal) => Promise<boolean>;
  /** Generous by default: tests share machines with compilers. */
  readonly readyDeadlineMs?: number;
  /** How long it may take to end by itself after SIGTERM before it is killed. */
  readonly graceMs?: number;
  readonly reaper: Reaper;
}

/** One running process of a control plane or forge. */
export interface Component {
  readonly name: string;
  readonly pid: number;
  /** Ends it by its own id and waits until it is gone. Safe to repeat. */
  stop(): Promise<void>;
}

/** Started but maybe not ready yet; used where several start at once. */
export interface StartingComponent extends Component {
  /** @throws when it ends early or is not ready in time, with the last lines of its log; it is stopped then. */
  untilReady(): Promise<Component>;
}

export function startComponent(options: ComponentOptions): StartingComponent {
  const log = openSync(options.logPath, "a");
  const child = spawn(options.command, options.args, {
    // Its own group: Ctrl-C goes to the test only, which then stops everything in order.
    detached: true,
    stdio: ["ignore", log, log],
    cwd: options.cwd,
    env: { ...(options.env ?? process.env), ...options.reaper.environment },
    ...(options.user ?? {}),
  });
  closeSync(log);
  let end: string | undefined;
  const ended = new Promise<void>((resolve) => {
    const finish = (how: string) => {
      end = how;
      resolve();
    };
    child.once("error", (error) => finish(error.message));
    child.once("exit", (code, signal) => finish(signal ? `was ended by ${signal}` : `ended with code ${code}`));
  });
  const drop = child.pid === undefined ? () => {} : options.reaper.add({ kind: "stop-process", pid: child.pid });
  void ended.then(drop);

  const stop = () => stopChild(child, ended, options.graceMs ?? 5_000, () => end !== undefined);
  const component: StartingComponent = {
    name: options.name,
    pid: child.pid ?? -1,
    stop,
    untilReady: async () => {
      try {
        await pollUntil(
          `${options.name} to be ready`,
          async (signal) => {
            if (end !== undefined) throw new GiveUp(`${options.name} ${end} before it was ready`);
            return options.ready(signal);
          },
          { deadlineMs: options.readyDeadlineMs ?? 120_000 },
        );
        return component;
      } catch (error) {
        await stop();
        throw new Error(`${(error as Error).message}; the end of ${options.logPath}:\n${lastLines(options.logPath)}`, {
          cause: error,
        });
      }
    },
  };
  return component;
}

async function stopChild(
  child: ChildProcess,
  ended: Promise<void>,
  graceMs: number,
  hasEnded: () => boolean,
): Promise<void> {
  if (hasEnded() || child.pid === undefined) return;
  child.kill("SIGTERM");
  const killer = setTimeout(() => killProcess(child.pid as number, "SIGKILL"), graceMs);
  await ended;
  clearTimeout(killer);
}

export function lastLines(path: string, count = 25): string {
  if (!existsSync(path)) return "(it wrote nothing)";
  const lines = readFileSync(path, "utf8").trimEnd().split("\n");
  return lines.slice(-count).join("\n");
}
