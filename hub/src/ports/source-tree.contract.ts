import { describe, expect, it } from "vitest";
import type { SourceTree } from "./source-tree.ts";

/** What a tree is made of: text, a file that can be run, or a link by where it leads. */
export type TreeFiles = Readonly<
  Record<string, string | { readonly executable: string } | { readonly symlink: string }>
>;

/** Any tree of files, whatever it is kept in. */
export function sourceTreeContract(makeTree: (files: TreeFiles) => Promise<SourceTree>): void {
  const files: TreeFiles = {
    "apps/shop/deploy.yaml": "kind: Deployment",
    "apps/shop/run.sh": { executable: "#!/bin/sh" },
    "apps/shop/base": { symlink: "../../base" },
    "apps/shopping/list.yaml": "kind: ConfigMap",
    "base/deploy.yaml": "kind: Deployment",
    "top.yaml": "kind: Service",
  };
  const text = async (tree: SourceTree, oid: string): Promise<string> =>
    Buffer.from((await tree.read([oid], { bytesMax: 1_000 }))[0] ?? []).toString();

  describe("a tree", () => {
    it("finds files, directories and links, and follows no link", async () => {
      const tree = await makeTree(files);
      const modes = ["", "apps", "apps/shop/deploy.yaml", "apps/shop/run.sh", "apps/shop/base"].map(
        async (path) => (await tree.entry(path))?.mode,
      );
      expect(await Promise.all(modes)).toEqual(["directory", "directory", "file", "executable", "symlink"]);
      for (const path of [
        "apps/none",
        "apps/shop/base/deploy.yaml",
        "top.yaml/x",
        "../top.yaml",
        "apps/../top.yaml",
        ".",
      ]) {
        expect(await tree.entry(path), path).toBeNull();
        expect(await tree.list(path), path).toEqual([]);
      }
      expect(await tree.list("apps/shop/base")).toEqual([]);
    });

    it("lists what is directly in a directory, ordered by path", async () => {
      const tree = await makeTree(files);
      expect((await tree.list("")).map(({ path }) => path)).toEqual(["apps", "base", "top.yaml"]);
      const shop = await tree.list("apps/shop");
      expect(shop.map(({ path, mode }) => `${mode} ${path}`)).toEqual([
        "symlink apps/shop/base",
        "file apps/shop/deploy.yaml",
        "executable apps/shop/run.sh",
      ]);
      for (const entry of shop) expect(await tree.entry(entry.path)).toEqual(entry);
    });

    it("walks every file below a directory, with sizes, up to a number of them", async () => {
      const tree = await makeTree(files);
      const walked = await tree.walk("apps", { filesMax: 4 });
      expect(walked.map(({ path }) => path)).toEqual([
        "apps/shop/base",
        "apps/shop/deploy.yaml",
        "apps/shop/run.sh",
        "apps/shopping/list.yaml",
      ]);
      expect(walked[1]?.bytes).toBe("kind: Deployment".length);
      expect(await tree.walk("none", { filesMax: 4 })).toEqual([]);
      await expect(tree.walk("apps", { filesMax: 3 })).rejects.toMatchObject({ code: "too-large" });
    });

    it("names equal content equally, and other content otherwise", async () => {
      const tree = await makeTree(files);
      const other = await makeTree({ ...files, "base/deploy.yaml": "kind: Job" });
      const oids = async (of: SourceTree, path: string) => (await of.entry(path))?.oid;
      expect(await oids(tree, "base/deploy.yaml")).toBe(await oids(tree, "apps/shop/deploy.yaml"));
      expect(await oids(other, "apps")).toBe(await oids(tree, "apps"));
      expect(await oids(other, "base")).not.toBe(await oids(tree, "base"));
      expect(await oids(other, "")).not.toBe(await oids(tree, ""));
    });

    it("reads contents in the order asked for, up to a size of all", async () => {
      const tree = await makeTree(files);
      const [one, two] = [await tree.entry("top.yaml"), await tree.entry("base/deploy.yaml")];
      const oids = [one?.oid ?? "", two?.oid ?? "", one?.oid ?? ""];
      const read = await tree.read(oids, { bytesMax: 100 });
      expect(read.map((bytes) => Buffer.from(bytes).toString())).toEqual([
        "kind: Service",
        "kind: Deployment",
        "kind: Service",
      ]);
      await expect(tree.read(oids, { bytesMax: 20 })).rejects.toMatchObject({ code: "too-large" });
      expect(await text(tree, (await tree.entry("apps/shop/base"))?.oid ?? "")).toBe("../../base");
    });
  });
}
