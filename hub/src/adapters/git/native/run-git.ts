import { type ChildProcess, spawn } from "node:child_process";
import { AppError } from "@muster/shared/errors.ts";

export interface GitOutcome {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const OUTPUT_BYTES_MAX = 1024 * 1024;

/**
 * What git may see of the world: nothing of the user's or the machine's configuration, no prompt, and only the
 * transports that are named in `config`. What is secret goes by environment, not by argument, because arguments are for
 * all to read.
 */
export function gitEnvironment(
  more: { config?: readonly (readonly [string, string])[]; variables?: NodeJS.ProcessEnv } = {},
): NodeJS.ProcessEnv {
  const config: (readonly [string, string])[] = [
    ["protocol.allow", "never"],
    ["protocol.version", "2"],
    ["safe.directory", "*"],
    // A server that says nothing for so long is not slow, it is gone.
    ["http.lowSpeedLimit", "1"],
    ["http.lowSpeedTime", "60"],
    ["gc.auto", "0"],
    ["maintenance.auto", "false"],
    ["core.hooksPath", "/dev/null"],
    ["credential.helper", ""],
    ...(more.config ?? []),
  ];
  const environment: NodeJS.ProcessEnv = {
    PATH: process.env.PATH,
    HOME: "/nonexistent",
    LC_ALL: "C",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_TERMINAL_PROMPT: "0",
    GIT_ASKPASS: "true",
    ...more.variables,
    GIT_CONFIG_COUNT: String(config.length),
  };
  config.forEach(([key, value], index) => {
    environment[`GIT_CONFIG_KEY_${index}`] = key;
    environment[`GIT_CONFIG_VALUE_${index}`] = value;
  });
  return environment;
}

/** Runs one git command to its end, or ends it and its children at the deadline. @throws AppError "unavailable", "cancelled". */
export async function runGit(
  args: readonly string[],
  opts: {
    gitDirectory: string;
    environment: NodeJS.ProcessEnv;
    timeoutMs: number;
    signal: AbortSignal | null;
    stdin?: string;
  },
): Promise<GitOutcome> {
  opts.signal?.throwIfAborted();
  const child = spawn("git", ["--git-dir", opts.gitDirectory, ...args], {
    env: opts.environment,
    stdio: ["pipe", "pipe", "pipe"],
    // A group of its own: git's transport helpers end with it.
    detached: true,
  });
  // It may end before it has read everything; its exit code tells.
  child.stdin.on("error", () => {});
  child.stdin.end(opts.stdin ?? "");
  const stdout = collect(child.stdout);
  const stderr = collect(child.stderr);
  return new Promise((resolve, reject) => {
    let stoppedFor: AppError | null = null;
    const stop = (reason: AppError): void => {
      stoppedFor ??= reason;
      endGroup(child);
    };
    const timer = setTimeout(
      () => stop(new AppError("unavailable", `git ${args[0]} did not finish in ${opts.timeoutMs / 1000} s`)),
      opts.timeoutMs,
    );
    const onAbort = (): void => stop(new AppError("cancelled", `git ${args[0]} was cancelled`));
    opts.signal?.addEventListener("abort", onAbort, { once: true });
    const settle = (): void => {
      clearTimeout(timer);
      opts.signal?.removeEventListener("abort", onAbort);
    };
    child.once("error", (cause) => {
      settle();
      reject(new AppError("unavailable", "cannot start git", { cause, retryable: false, fix: "Install git." }));
    });
    child.once("close", (exitCode) => {
      settle();
      if (stoppedFor !== null) reject(stoppedFor);
      else resolve({ exitCode, stdout: stdout(), stderr: stderr() });
    });
  });
}

function endGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // It had ended already.
  }
}

function collect(stream: NodeJS.ReadableStream): () => string {
  const parts: Buffer[] = [];
  let bytes = 0;
  stream.on("data", (part: Buffer) => {
    bytes += part.length;
    if (bytes <= OUTPUT_BYTES_MAX) parts.push(part);
  });
  return () => Buffer.concat(parts).toString("utf8");
}
