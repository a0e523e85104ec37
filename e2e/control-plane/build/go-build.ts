import { execFile, spawn } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Tool } from "../versions.ts";
import { moduleFolder } from "./cache-folder.ts";

const run = promisify(execFile);

/** The pinned modules decide; a workspace file or flags of the user's own must not. */
const goEnvironment = (tool: Tool): NodeJS.ProcessEnv => ({
  ...process.env,
  GOWORK: "off",
  GOFLAGS: "-mod=readonly",
  CGO_ENABLED: tool.cgo ? "1" : "0",
});

/** The `go` on the path, or undefined. */
export async function goVersion(): Promise<string | undefined> {
  try {
    return (await run("go", ["env", "GOVERSION"])).stdout.trim();
  } catch {
    return undefined;
  }
}

export function goBuildArguments(tool: Tool, targetFolder: string): string[] {
  const stamps = Object.entries(tool.stamp ?? {}).map(([name, value]) => `-X ${name}=${value}`);
  const packages = Object.values(tool.binaries);
  const [onlyName, ...others] = Object.keys(tool.binaries);
  return [
    "build",
    "-v",
    "-trimpath",
    `-ldflags=${["-s", "-w", ...stamps].join(" ")}`,
    ...(tool.tags ? ["-tags", tool.tags.join(",")] : []),
    "-o",
    // A package's own name is not always the binary's (etcd's is "server"), but several can only go to a folder.
    others.length === 0 ? join(targetFolder, onlyName ?? "") : `${targetFolder}/`,
    ...packages,
  ];
}

/** Fetches the modules, so that the network works while the compiler is busy with the tool before. */
export async function downloadModules(tool: Tool): Promise<void> {
  await run("go", ["mod", "download"], {
    cwd: moduleFolder(tool),
    env: goEnvironment(tool),
    maxBuffer: 64 * 1024 * 1024,
  });
}

/**
 * Builds all binaries of one tool into `targetFolder`. `onPackage` is called for each package compiled.
 *
 * @throws with the last lines that the compiler said.
 */
export async function goBuild(tool: Tool, targetFolder: string, onPackage: () => void): Promise<void> {
  const binFolder = join(targetFolder, "bin");
  mkdirSync(binFolder, { recursive: true });
  await new Promise<void>((resolve, reject) => {
    const compiler = spawn("go", goBuildArguments(tool, binFolder), {
      cwd: moduleFolder(tool),
      env: goEnvironment(tool),
      stdio: ["ignore", "ignore", "pipe"],
    });
    let lastLines: string[] = [];
    compiler.stderr.setEncoding("utf8").on("data", (text: string) => {
      const lines = text.split("\n").filter((line) => line !== "");
      for (const _ of lines) onPackage();
      lastLines = [...lastLines, ...lines].slice(-30);
    });
    compiler.on("error", reject);
    compiler.on("close", (code) => {
      if (code === 0) resolve();
      else reject(new Error(`go build of ${tool.name} ${tool.version} failed:\n${lastLines.join("\n")}`));
    });
  });
  if (tool.folders) await copyModuleFolders(tool, targetFolder);
}

async function copyModuleFolders(tool: Tool, targetFolder: string): Promise<void> {
  const options = { cwd: moduleFolder(tool), env: goEnvironment(tool) };
  const { stdout } = await run("go", ["list", "-m", "-f", "{{.Dir}}", tool.module], options);
  for (const folder of tool.folders ?? []) {
    const target = join(targetFolder, "static", folder);
    cpSync(join(stdout.trim(), folder), target, { recursive: true });
    makeWritable(target);
  }
}

/** Go's module cache is read-only, and a copy with its modes could not be deleted by an ordinary user. */
function makeWritable(folder: string): void {
  chmodSync(folder, 0o755);
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) makeWritable(join(folder, entry.name));
    else chmodSync(join(folder, entry.name), 0o644);
  }
}

/** The version that a tool's committed go.mod pins, for the test that compares it with the table. */
export function pinnedVersion(tool: Tool): string | undefined {
  const goMod = readFileSync(join(moduleFolder(tool), "go.mod"), "utf8");
  const line = goMod.split("\n").find((text) =>
    text
      .trim()
      .replace(/^require /, "")
      .startsWith(`${tool.module} v`),
  );
  return line
    ?.trim()
    .replace(/^require /, "")
    .split(" ")[1];
}
