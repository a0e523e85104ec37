import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { bundleProgram } from "./bundle-program.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "muster-bundle-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("bundleProgram", () => {
  it("makes a program that starts its workers and finds its files without the sources", async () => {
    write("hub/src/main.ts", `import { double } from "./adapters/render/double.ts"; console.log(await double(21));`);
    write(
      "hub/src/adapters/render/double.ts",
      `import { readFileSync } from "node:fs";
       import { once } from "node:events";
       import { Worker } from "node:worker_threads";
       export async function double(value: number): Promise<string> {
         const worker = new Worker(new URL("./double.worker.ts", import.meta.url), { workerData: value });
         const [answer] = await once(worker, "message");
         return answer + " " + readFileSync(new URL("../../words.txt", import.meta.url), "utf8");
       }`,
    );
    write(
      "hub/src/adapters/render/double.worker.ts",
      `import { parentPort, workerData } from "node:worker_threads";
       import { times } from "../../times.ts";
       parentPort?.postMessage(times(workerData as number, 2));`,
    );
    write("hub/src/times.ts", "export const times = (left: number, right: number): number => left * right;");
    write("hub/src/words.txt", "is the answer");

    const made = await bundle();
    expect(made).toEqual({
      files: ["main.js", "program.js", "hub-src-adapters-render-double.worker.js", "hub-src-words.txt"],
      workers: ["hub-src-adapters-render-double.worker.js"],
      assets: ["hub-src-words.txt"],
    });

    const elsewhere = join(folder, "elsewhere");
    cpSync(join(folder, "dist"), elsewhere, { recursive: true });
    rmSync(join(folder, "hub"), { recursive: true });
    rmSync(join(folder, "dist"), { recursive: true });
    expect(execFileSync("node", [join(elsewhere, "main.js")], { encoding: "utf8" })).toBe("42 is the answer\n");
  });

  it("says in one line that a Node is too old, before it loads the program", async () => {
    write("hub/src/main.ts", `console.log("loaded");`);
    await bundle();
    write(
      "old.mjs",
      `Object.defineProperties(process, { version: { value: "v20.20.2" },
      versions: { value: { ...process.versions, node: "20.20.2" } } });`,
    );
    const old = spawnSync("node", ["--import", join(folder, "old.mjs"), join(folder, "dist/main.js")], {
      encoding: "utf8",
    });
    expect(old).toMatchObject({
      status: 1,
      stdout: "",
      stderr: "Muster needs Node.js 26 or newer; this is v20.20.2.\n",
    });
  });

  it("refuses a file it cannot follow", async () => {
    write("hub/src/main.ts", `const name = "./a.worker.ts"; console.log(new URL(name, import.meta.url));`);
    await expect(bundle()).rejects.toThrow("can follow");
  });

  it("refuses a file that is not there", async () => {
    write("hub/src/main.ts", `console.log(new URL("./nowhere.worker.ts", import.meta.url));`);
    await expect(bundle()).rejects.toThrow("which is not a file");
  });
});

function bundle() {
  return bundleProgram({ entry: join(folder, "hub/src/main.ts"), outFolder: join(folder, "dist"), sourceRoot: folder });
}

function write(path: string, content: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), content);
}
