import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { chmod, mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "@muster/shared/errors.ts";
import { type Log, silentLog } from "@muster/shared/log.ts";
import type { RenderCallOptions, RenderLimits } from "../../ports/renderer.ts";
import { type ProcessLimits, startArguments } from "./confinement.ts";
import { FairSlots } from "./fair-slots.ts";
import { type ProcessEnd, runProcess } from "./run-process.ts";
import { type SandboxFile, writeFiles } from "./sandbox-files.ts";
import { linkTool, openTool, type Tool, type ToolOptions } from "./tool.ts";

export interface SandboxOptions {
  /** Belongs to this sandbox alone: whatever is in it at the start was left by a hub that was killed, and goes. */
  readonly directory: string;
  /** At the same time. */
  readonly processesMax: number;
  readonly log?: Log;
}

export interface SandboxRun {
  readonly tool: Tool;
  readonly args: readonly string[];
  readonly files: readonly SandboxFile[];
  /** Below the sandbox's root; made if no file is in it. */
  readonly workingDirectory: string;
  readonly limits: RenderLimits;
}

export type SandboxEnd =
  | { readonly kind: "done"; readonly output: Buffer; readonly errors: string }
  /** The tool refuses the input. `errors` is what it said, with paths from the root of the sandbox. */
  | { readonly kind: "refused"; readonly errors: string }
  | { readonly kind: "over-limit"; readonly limit: "output" | "memory" | "time" };

const WAITING_MAX = 20_000;
const SPARE_MAX = 2;
/** Go reserves address space far beyond what it uses. */
const ADDRESS_SPACE_RESERVE_BYTES = 1_024 ** 3;
const FILE_BYTES_MAX = 1_024 ** 2;
/** Garbage is collected less often than Go would by itself: a render is short, and its memory is bounded anyway. */
const GO_GARBAGE_PERCENT = 400;

/** Of its time that a process must have computed before being late is its own fault. */
const CPU_SHARE_MIN = 0.1;

/**
 * Runs tools on files, each run in a process and folder of its own. Nothing of a run is left when it settled. Folders are
 * made by calls that wait: of some sixty for a small render each costs a tenth of one that does not, and the process they
 * hold up does nothing else.
 */
export class Sandbox {
  readonly #directory: string;
  readonly #slots: FairSlots;
  readonly #log: Log;
  readonly #closing = new AbortController();
  readonly #running = new Set<Promise<unknown>>();

  private constructor(options: SandboxOptions) {
    this.#directory = options.directory;
    this.#log = options.log ?? silentLog;
    this.#slots = new FairSlots({ slotsMax: options.processesMax, spareMax: SPARE_MAX, waitingMax: WAITING_MAX });
  }

  static async open(options: SandboxOptions): Promise<Sandbox> {
    await mkdir(options.directory, { recursive: true });
    // Below, everything can be read by whom the tools run as; what is rendered is nobody else's business.
    await chmod(options.directory, 0o700);
    const leftovers = await readdir(options.directory);
    await Promise.all(leftovers.map((name) => rm(join(options.directory, name), { recursive: true, force: true })));
    await mkdir(join(options.directory, "tools"), { mode: 0o755 });
    return new Sandbox(options);
  }

  openTool(options: Omit<ToolOptions, "directory">): Promise<Tool | null> {
    return openTool({ ...options, directory: join(this.#directory, "tools") });
  }

  /** @throws AppError "unavailable" (not the input's fault), "invalid" (a path that leads elsewhere), "cancelled". */
  async run(run: SandboxRun, { signal, fairnessKey }: RenderCallOptions): Promise<SandboxEnd> {
    const either = AbortSignal.any([signal, this.#closing.signal]);
    const running = this.#slots.use(
      fairnessKey,
      either,
      () => this.#runInFolder(run, either),
      (end) => end.kind === "over-limit",
    );
    const settled = running.catch(() => {});
    this.#running.add(settled);
    try {
      return await running;
    } finally {
      this.#running.delete(settled);
    }
  }

  /** Ends what runs, and removes the folder. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#slots.close();
    await Promise.all(this.#running);
    await rm(this.#directory, { recursive: true, force: true });
  }

  async #runInFolder(run: SandboxRun, signal: AbortSignal): Promise<SandboxEnd> {
    const root = mkdtempSync(join(this.#directory, "run-"));
    try {
      return await this.#runIn(root, run, signal);
    } finally {
      try {
        rmSync(root, { recursive: true, force: true });
      } catch (err) {
        this.#log.warn({ err, folder: root }, "a render's folder was not removed");
      }
    }
  }

  async #runIn(root: string, run: SandboxRun, signal: AbortSignal): Promise<SandboxEnd> {
    const { tool, limits } = run;
    // mkdtemp makes it for its owner alone, and the process may be somebody else.
    chmodSync(root, 0o755);
    mkdirSync(join(root, "home"), { mode: 0o755 });
    if (tool.confinement.hasOwnRoot) linkTool(tool, root);
    mkdirSync(join(root, run.workingDirectory), { recursive: true, mode: 0o755 });
    await writeFiles(root, run.files);
    const seenRoot = tool.confinement.hasOwnRoot ? "" : root;
    const command = startArguments(tool.confinement, {
      root,
      workingDirectory: `/${run.workingDirectory}`,
      binary: tool.confinement.hasOwnRoot ? `/bin/${tool.name}` : tool.binary,
      args: run.args,
      limits: processLimits(limits),
    });
    const end = await runProcess(
      {
        command,
        cwd: join(root, run.workingDirectory),
        env: environment(seenRoot, limits),
        outputBytesMax: limits.outputBytesMax,
        memoryBytesMax: limits.memoryBytesMax,
        timeoutMsMax: limits.timeoutMsMax,
      },
      signal,
    );
    return judge(end, run, root);
  }
}

function judge(end: ProcessEnd, { tool, limits }: SandboxRun, root: string): SandboxEnd {
  switch (end.kind) {
    case "exit": {
      const errors = end.errors.replaceAll(`${root}/`, "/");
      if (end.code === 0) return { kind: "done", output: end.output, errors };
      if (isOutOfMemory(errors)) return { kind: "over-limit", limit: "memory" };
      return { kind: "refused", errors };
    }
    case "signal":
      if (end.name === "SIGXCPU") return { kind: "over-limit", limit: "time" };
      if (isOutOfMemory(end.errors)) return { kind: "over-limit", limit: "memory" };
      throw new AppError("unavailable", `${tool.name} was ended by ${end.name}, most often for want of memory`);
    case "over-limit": {
      // One that hardly ran was kept from running by the machine: its input may be good.
      if (end.limit === "time" && end.cpuMs !== null && end.cpuMs < limits.timeoutMsMax * CPU_SHARE_MIN) {
        throw new AppError("unavailable", `${tool.name} took longer than ${limits.timeoutMsMax} ms on a busy machine`);
      }
      return { kind: "over-limit", limit: end.limit };
    }
  }
}

/** What Go says when the kernel gives it no more. */
const isOutOfMemory = (errors: string): boolean =>
  /fatal error: (runtime: (cannot allocate memory|out of memory)|out of memory)|cannot allocate \d+-byte block|newosproc|failed to (reserve|commit)/.test(
    errors,
  );

const processLimits = (limits: RenderLimits): ProcessLimits => ({
  addressSpaceBytes: limits.memoryBytesMax + ADDRESS_SPACE_RESERVE_BYTES,
  // Of all its threads together; the deadline is by the clock.
  cpuSeconds: Math.ceil(limits.timeoutMsMax / 1_000) * 4 + 5,
  fileBytes: FILE_BYTES_MAX,
});

const environment = (root: string, { memoryBytesMax }: RenderLimits): Record<string, string> => ({
  HOME: `${root}/home`,
  TMPDIR: `${root}/home`,
  XDG_CONFIG_HOME: `${root}/home/config`,
  XDG_CACHE_HOME: `${root}/home/cache`,
  XDG_DATA_HOME: `${root}/home/data`,
  HELM_PLUGINS: `${root}/home/plugins`,
  KUBECONFIG: `${root}/home/kubeconfig`,
  TZ: "UTC",
  LANG: "C",
  GOGC: String(GO_GARBAGE_PERCENT),
  GOMEMLIMIT: String(Math.floor(memoryBytesMax * 0.7)),
});
