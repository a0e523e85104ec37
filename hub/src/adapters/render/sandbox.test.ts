import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { RENDER_LIMITS, type RenderLimits } from "../../ports/renderer.ts";
import { Sandbox, type SandboxRun } from "./sandbox.ts";
import type { Tool } from "./tool.ts";

const call = { signal: new AbortController().signal, fairnessKey: "a" };

let base: string;
let sandbox: Sandbox;
let tool: Tool;
const directory = (): string => join(base, "render");
const folders = (): string[] => readdirSync(directory()).filter((name) => name.startsWith("run-"));

/** A tool that runs its argument as a shell script: what the real ones would do if they were hostile. */
beforeEach(async () => {
  base = mkdtempSync(join(tmpdir(), "muster-sandbox-"));
  const path = join(base, "tool.sh");
  writeFileSync(path, '#!/bin/sh\n[ "$1" = version ] && { echo tool v1.2.3; exit; }\neval "$1"\n', { mode: 0o755 });
  mkdirSync(join(directory(), "run-left-behind"), { recursive: true });
  sandbox = await Sandbox.open({ directory: directory(), processesMax: 2 });
  tool = (await sandbox.openTool({ name: "tool", path, versionArguments: ["version"] })) as Tool;
});
afterEach(async () => {
  await sandbox.close();
  expect(existsSync(directory())).toBe(false);
  rmSync(base, { recursive: true });
});

const run = (script: string, opts: Partial<SandboxRun> & { limits?: RenderLimits } = {}, options = call) =>
  sandbox.run({ tool, args: [script], files: [], workingDirectory: "work", limits: RENDER_LIMITS, ...opts }, options);

const limits = (changed: Partial<RenderLimits>): RenderLimits => ({ ...RENDER_LIMITS, ...changed });
const output = async (running: ReturnType<typeof run>): Promise<string> => {
  const end = await running;
  return end.kind === "done" ? end.output.toString() : JSON.stringify(end);
};

describe("a sandbox", () => {
  it("clears away what a killed hub left, and what every run leaves", async () => {
    expect(folders()).toEqual([]);
    await run("echo x > made");
    await vi.waitFor(() => expect(folders()).toEqual([]));
  });

  it("knows the tool's version, and is without it when it is not there", async () => {
    expect(tool.version).toBe("1.2.3");
    expect(await sandbox.openTool({ name: "no-such-tool", path: null, versionArguments: [] })).toBeNull();
    const opening = sandbox.openTool({ name: "x", path: join(base, "none"), versionArguments: [] });
    await expect(opening).rejects.toMatchObject({ code: "invalid", fix: expect.stringContaining("--x") });
  });

  it("gives exactly the files, with their modes, and nothing of the environment", async () => {
    vi.stubEnv("MUSTER_SECRET", "s3cret");
    const files = [
      { path: "work/a.txt", bytes: Buffer.from("one") },
      { path: "work/deep/run.sh", bytes: Buffer.from("echo two"), isExecutable: true },
    ];
    expect(await output(run("cat a.txt; ./deep/run.sh; find . -type f | sort; env", { files }))).toMatch(
      /^onetwo\n\.\/a\.txt\n\.\/deep\/run\.sh\n(?!.*s3cret)/s,
    );
    vi.unstubAllEnvs();
  });

  it.each(["../x", "/x", "a//b", "a/../../b", "a/\0b", ""])("writes no file at %j", async (path) => {
    await expect(run("true", { files: [{ path, bytes: Buffer.from("x") }] })).rejects.toMatchObject({
      code: "invalid",
    });
  });

  it("tells what the tool said when it refused, without where the sandbox stands", async () => {
    expect(await run('echo "bad: $PWD/a.yaml" >&2; exit 3')).toEqual({
      kind: "refused",
      errors: "bad: /work/a.yaml\n",
    });
  });

  it("ends what writes too much, computes too long or takes too much memory", async () => {
    const flood = run("while :; do echo xxxxxxxxxxxxxxxxxxxxxxxx; done", {
      limits: limits({ outputBytesMax: 100_000 }),
    });
    expect(await flood).toEqual({ kind: "over-limit", limit: "output" });
    const loop = run("while :; do :; done", { limits: limits({ timeoutMsMax: 500 }) });
    expect(await loop).toEqual({ kind: "over-limit", limit: "time" });
  });

  it.runIf(existsSync("/proc/self/statm"))("ends what takes too much memory", async () => {
    const grow = run("x=xxxxxxxxxxxxxxxx; while :; do x=$x$x; done", {
      limits: limits({ memoryBytesMax: 64 * 1_024 ** 2 }),
    });
    expect(await grow).toEqual({ kind: "over-limit", limit: "memory" });
  });

  it.runIf(existsSync("/proc/self/stat"))("blames the machine for what waited and did not compute", async () => {
    const idle = run("sleep 60", { limits: limits({ timeoutMsMax: 300 }) });
    await expect(idle).rejects.toMatchObject({ code: "unavailable", isRetryable: true });
  });

  it("kills whatever the tool started, also when it is told to stop", async () => {
    const control = new AbortController();
    const pidFile = join(base, "pid");
    const running = run(`sleep 600 & echo $! > ${pidFile}; wait`, {}, { ...call, signal: control.signal });
    const failed = expect(running).rejects.toMatchObject({ code: "cancelled" });
    const pid = await vi.waitFor(() => {
      const read = Number(readFileSync(pidFile, "utf8"));
      expect(read).toBeGreaterThan(0);
      return read;
    });
    control.abort();
    await failed;
    await vi.waitFor(() => expect(isAlive(pid)).toBe(false));
  });

  it("lets others through while one fills every slot, and that one but once", async () => {
    const control = new AbortController();
    const loops = Array.from({ length: 6 }, () =>
      run("while :; do :; done", {}, { fairnessKey: "hostile", signal: control.signal }).catch(() => "stopped"),
    );
    for (let index = 0; index < 5; index++) expect(await output(run("echo ok"))).toBe("ok\n");
    control.abort();
    expect(await Promise.all(loops)).toEqual(Array(6).fill("stopped"));
  });

  it.runIf(process.platform === "linux")(
    "says what it is confined by, and has no network when it says so",
    async () => {
      if (!tool.confinement.hasNoNetwork) return expect(tool.confinement.description).toContain("switches");
      expect(await output(run("cat /proc/net/dev"))).not.toMatch(/eth0|lo:\s+[1-9]/);
    },
  );
});

/** A zombie is dead: who has yet to reap it is not our concern. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  const stat = existsSync(`/proc/${pid}/stat`) ? readFileSync(`/proc/${pid}/stat`, "latin1") : "";
  return !/\) [ZX] /.test(stat);
}
