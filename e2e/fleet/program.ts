/**
 * One of Muster's own programs as a real process, which a test may kill and start again:
 *
 * stopped ──start──▶ running ──stop | kill9──▶ stopped
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type StartingComponent, startComponent } from "../control-plane/processes/component.ts";
import { isRunning, killProcess } from "../control-plane/processes/process-identity.ts";
import type { Reaper } from "../control-plane/processes/reaper.ts";
import { residentBytes } from "./resident-memory.ts";

const repositoryRoot = join(import.meta.dirname, "..", "..");

export interface ProgramOptions {
  readonly name: string;
  /** Path of its main file from the root of the repository. */
  readonly main: string;
  readonly args: () => readonly string[];
  readonly env: () => Readonly<Record<string, string>>;
  readonly logPath: string;
  /** Moves its `Date`, see shifted-clock.ts. */
  readonly clockOffsetMs?: number | undefined;
  readonly ready: (signal: AbortSignal) => Promise<boolean>;
  readonly reaper: Reaper;
}

export interface StartOptions {
  /** Another offset from now on. */
  readonly clockOffsetMs?: number;
  /** Default true. Without it the answer comes as soon as the process is started. */
  readonly untilReady?: boolean;
}

export interface Program {
  readonly name: string;
  readonly pid: number;
  readonly isRunning: boolean;
  /** @throws when it ends early or is not ready in time, with the last lines of its log. */
  start(options?: StartOptions): Promise<void>;
  /** SIGTERM, and its own orderly end. */
  stop(): Promise<void>;
  /** SIGKILL to it and its children, at once; resolves when it is gone. */
  kill9(): Promise<void>;
  restart(options?: StartOptions): Promise<void>;
  /** SIGSTOP: it does nothing more, and its connections stay open. */
  freeze(): void;
  thaw(): void;
  /** The events of its log so far, over all its runs. */
  logEvents(): LogEvent[];
  readonly logPath: string;
  /** With workers and children. */
  residentBytes(): number | undefined;
}

/** One line of pino's. */
export type LogEvent = Readonly<Record<string, unknown>> & {
  readonly level?: string;
  readonly time?: string;
  readonly msg?: string;
};

export function createProgram(options: ProgramOptions): Program {
  let component: StartingComponent | undefined;
  let clockOffsetMs = options.clockOffsetMs ?? 0;
  const pidOrThrow = (): number => {
    if (component === undefined) throw new Error(`${options.name} was not started`);
    return component.pid;
  };

  const program: Program = {
    name: options.name,
    logPath: options.logPath,
    get pid() {
      return pidOrThrow();
    },
    get isRunning() {
      return component !== undefined && isRunning(component.pid);
    },
    async start({ untilReady = true, ...changed }: StartOptions = {}) {
      if (program.isRunning) throw new Error(`${options.name} runs already`);
      clockOffsetMs = changed.clockOffsetMs ?? clockOffsetMs;
      component = startComponent({
        name: options.name,
        command: process.execPath,
        args: [...clockArguments(clockOffsetMs), join(repositoryRoot, options.main), ...options.args()],
        cwd: repositoryRoot,
        logPath: options.logPath,
        env: {
          PATH: process.env.PATH,
          NODE_ENV: "test",
          MUSTER_TEST_CLOCK_OFFSET_MS: String(clockOffsetMs),
          ...options.env(),
        },
        ready: options.ready,
        readyDeadlineMs: 60_000,
        graceMs: 15_000,
        reaper: options.reaper,
      });
      if (untilReady) await component.untilReady();
    },
    stop: async () => component?.stop(),
    async kill9() {
      killProcess(pidOrThrow(), "SIGKILL");
      await component?.stop();
    },
    async restart(restartOptions) {
      await program.stop();
      await program.start(restartOptions);
    },
    freeze: () => killProcess(pidOrThrow(), "SIGSTOP"),
    thaw: () => killProcess(pidOrThrow(), "SIGCONT"),
    logEvents: () => readLog(options.logPath),
    residentBytes: () => residentBytes(pidOrThrow()),
  };
  return program;
}

const clockArguments = (offsetMs: number): string[] =>
  offsetMs === 0 ? [] : ["--import", join(import.meta.dirname, "shifted-clock.ts")];

function readLog(path: string): LogEvent[] {
  if (!existsSync(path)) return [];
  return readFileSync(path, "utf8")
    .split("\n")
    .flatMap((line) => {
      try {
        return [JSON.parse(line) as LogEvent];
      } catch {
        return []; // half written when it was killed, or not of pino's
      }
    });
}
