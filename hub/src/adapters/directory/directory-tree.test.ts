import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { sourceTreeContract, type TreeFiles } from "../../ports/source-tree.contract.ts";
import { openDirectoryTree } from "./directory-tree.ts";

const folders: string[] = [];
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
});

async function makeDirectory(files: TreeFiles): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), "muster-tree-"));
  folders.push(root);
  for (const [path, file] of Object.entries(files)) {
    const place = join(root, path);
    await mkdir(dirname(place), { recursive: true });
    if (typeof file === "string") await writeFile(place, file);
    else if ("symlink" in file) await symlink(file.symlink, place);
    else {
      await writeFile(place, file.executable);
      await chmod(place, 0o755);
    }
  }
  return root;
}

describe("a directory", () => {
  sourceTreeContract(async (files) => openDirectoryTree(await makeDirectory(files)));

  it("has what Git would take, and neither .git nor what is ignored", async () => {
    const root = await makeDirectory({
      ".git/HEAD": "ref: refs/heads/main",
      ".gitignore": "node_modules/\n*.log\n",
      "node_modules/x/index.js": "x",
      "apps/.gitignore": "secret.yaml\n",
      "apps/secret.yaml": "kind: Secret",
      "apps/shop.yaml": "kind: Service",
      "apps/run.log": "x",
    });
    const files = await openDirectoryTree(root).walk("", { filesMax: 10 });
    expect(files.map(({ path }) => path)).toEqual([".gitignore", "apps/.gitignore", "apps/shop.yaml"]);
  });

  it("takes a submodule for a directory only where it is asked for", async () => {
    const root = await makeDirectory({ "lib/.git": "gitdir: ../.git/modules/lib", "lib/a.yaml": "kind: Service" });
    expect(await openDirectoryTree(root).entry("lib")).toMatchObject({ mode: "submodule" });
    expect(await openDirectoryTree(root).entry("lib/a.yaml")).toBeNull();
    expect(await openDirectoryTree(root, { submodules: true }).entry("lib/a.yaml")).toMatchObject({ mode: "file" });
  });

  it("gives nothing that is not what it was when it was looked at", async () => {
    const root = await makeDirectory({ "a.yaml": "kind: Service" });
    const tree = openDirectoryTree(root);
    const { oid = "" } = (await tree.entry("a.yaml")) ?? {};
    await writeFile(join(root, "a.yaml"), "kind: Job");
    await expect(tree.read([oid], { bytesMax: 100 })).rejects.toMatchObject({ code: "unavailable" });
  });
});
