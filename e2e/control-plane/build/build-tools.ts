import { readdirSync, renameSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { type Tool, type ToolName, tools } from "../versions.ts";
import { acquireBuildLock } from "./build-lock.ts";
import { cacheRoot, isBuilt, toolFolder } from "./cache-folder.ts";
import { downloadModules, goBuild, goVersion } from "./go-build.ts";

export type Progress = (line: string) => void;

export const progressToStderr: Progress = (line) => process.stderr.write(`${line}\n`);

/**
 * Makes sure that the named tools stand in the cache and says what it is doing. Tools are built one after the other,
 * because Go already uses every core inside one build; the modules of the next are downloaded meanwhile.
 *
 * @throws when Go is missing, or a build fails.
 */
export async function buildTools(names: readonly ToolName[], progress: Progress = progressToStderr): Promise<void> {
  const missing = names.map((name) => tools[name]).filter((tool) => !isBuilt(tool));
  if (missing.length === 0) return;
  if (!(await goVersion())) {
    throw new Error(`${describe(missing)} must be built and there is no "go" on the path; ${installGo}`);
  }
  const seconds = missing.reduce((sum, tool) => sum + tool.buildSeconds, 0);
  progress(
    `Building ${describe(missing)} into ${cacheRoot()}. This happens once per version and takes about ` +
      `${minutes(seconds)} on two cores; less where Go has built parts of it before.`,
  );
  let download = downloadModules(missing[0] as Tool);
  for (const [index, tool] of missing.entries()) {
    await download;
    const next = missing[index + 1];
    download = next ? downloadModules(next) : Promise.resolve();
    // Awaited a turn later; a failure meanwhile must not count as unhandled.
    download.catch(() => {});
    await buildOne(tool, `[${index + 1}/${missing.length}] ${tool.name} ${tool.version}`, progress);
  }
}

export const installGo = "install Go 1.26 or later (https://go.dev/dl)";

async function buildOne(tool: Tool, title: string, progress: Progress): Promise<void> {
  const target = toolFolder(tool);
  const lock = await acquireBuildLock(join(cacheRoot(), `${basename(target)}.lock`), {
    onWait: () => progress(`${title}: another process is building it, waiting`),
  });
  try {
    if (isBuilt(tool)) return progress(`${title}: built meanwhile by another process`);
    removeLeftovers(target);
    const staging = `${target}.building-${process.pid}`;
    const startedAt = Date.now();
    const elapsed = () => Math.round((Date.now() - startedAt) / 1000);
    let packages = 0;
    const ticker = setInterval(() => progress(`${title}: ${packages} packages compiled, ${elapsed()} s`), 15_000);
    try {
      await goBuild(tool, staging, () => {
        packages += 1;
      });
    } catch (error) {
      rmSync(staging, { recursive: true, force: true });
      throw error;
    } finally {
      clearInterval(ticker);
    }
    renameSync(staging, target);
    progress(`${title}: done in ${elapsed()} s`);
  } finally {
    lock.release();
  }
}

/** What a killed build left behind; only called under the lock, so nobody is still writing there. */
function removeLeftovers(target: string): void {
  for (const name of readdirSync(cacheRoot())) {
    if (!name.startsWith(`${basename(target)}.building-`)) continue;
    rmSync(join(cacheRoot(), name), { recursive: true, force: true });
  }
}

const describe = (list: readonly Tool[]): string => list.map((tool) => `${tool.name} ${tool.version}`).join(", ");

const minutes = (seconds: number): string =>
  seconds < 90 ? `${seconds} seconds` : `${Math.ceil(seconds / 60)} minutes`;
