import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { describe, expect, test } from "vitest";
import { controlPlaneAvailability } from "../test-clusters.ts";
import { pollUntil } from "./poll-until.ts";
import { isRunning } from "./process-identity.ts";
import { startReaper } from "./reaper.ts";

const availability = await controlPlaneAvailability({}, { ...process.env, MUSTER_TEST_PROVIDER: "built" });

const endings: readonly { how: string; signal?: NodeJS.Signals }[] = [
  { how: "is killed", signal: "SIGKILL" },
  { how: "is interrupted", signal: "SIGINT" },
  { how: "is terminated", signal: "SIGTERM" },
  { how: "throws" },
  { how: "exits" },
];

describe.skipIf(!availability.ok)("nothing of a cluster is left when the process that started it", () => {
  test.for(endings)("$how", async ({ how, signal }) => {
    const child = spawn(process.execPath, [join(import.meta.dirname, "leak-child.ts"), how], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    const ended = once(child, "exit");
    try {
      const [line] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
      const { pids, folder } = JSON.parse(line) as { pids: number[]; folder: string };
      expect(pids).toHaveLength(5);
      if (signal) {
        expect(pids.filter(isRunning)).toEqual(pids);
        expect(existsSync(folder)).toBe(true);
        child.kill(signal);
      }
      await ended;
      await pollUntil("all processes to be gone", async () => pids.filter(isRunning).length === 0);
      await pollUntil("the folder to be gone", async () => !existsSync(folder));
    } finally {
      child.kill("SIGKILL");
    }
  });
});

describe("the reaper", () => {
  test.runIf(process.platform === "linux")("finds a process that it was never told of by its mark", async () => {
    const reaper = startReaper();
    const stray = spawn("sleep", ["600"], { detached: true, stdio: "ignore", env: { ...reaper.environment } });
    const pid = stray.pid as number;
    await pollUntil("the process to carry the mark", async () =>
      readFileSync(`/proc/${pid}/environ`, "utf8").includes(Object.values(reaper.environment)[0] as string),
    );
    await reaper.close();
    await pollUntil("the process to be gone", async () => !isRunning(pid));
  });

  test("leaves alone what its owner has undone, and undoes the rest", async () => {
    const reaper = startReaper();
    const kept = reaper.temporaryFolder("muster-reaper-test");
    const gone = reaper.temporaryFolder("muster-reaper-test");
    gone.remove();
    expect([existsSync(kept.path), existsSync(gone.path)]).toEqual([true, false]);
    await reaper.close();
    expect(existsSync(kept.path)).toBe(false);
    expect(isRunning(reaper.pid)).toBe(false);
  });
});
