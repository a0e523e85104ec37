import { describe, expect, it } from "vitest";
import { sourceTreeContract } from "../ports/source-tree.contract.ts";
import { MemoryTree } from "./memory-tree.ts";

describe("in memory", () => sourceTreeContract(async (files) => new MemoryTree(files)));

describe("a tree in memory", () => {
  const tree = new MemoryTree({
    "a.yaml": "a: 1\n",
    "apps/shop/b.yaml": "b: 1\n",
    "apps/shop/run.sh": { executable: "exit\n" },
    "apps/link": { symlink: "../a.yaml" },
  });

  it("has entries for files and for the directories above them", async () => {
    expect(await tree.entry("apps/shop")).toMatchObject({ path: "apps/shop", mode: "directory" });
    expect(await tree.entry("apps/link")).toMatchObject({ mode: "symlink" });
    expect(await tree.entry("apps/nothing")).toBeNull();
    expect((await tree.list("apps")).map(({ path }) => path)).toEqual(["apps/link", "apps/shop"]);
    expect((await tree.list("")).map(({ path }) => path)).toEqual(["a.yaml", "apps"]);
    expect(await tree.list("nothing")).toEqual([]);
  });

  it("walks files with their sizes, up to a bound", async () => {
    expect((await tree.walk("apps", { filesMax: 3 })).map(({ path, mode, bytes }) => [path, mode, bytes])).toEqual([
      ["apps/link", "symlink", 9],
      ["apps/shop/b.yaml", "file", 5],
      ["apps/shop/run.sh", "executable", 5],
    ]);
    await expect(tree.walk("", { filesMax: 3 })).rejects.toMatchObject({ code: "too-large" });
  });

  it("reads by object id, up to a bound", async () => {
    const oid = (await tree.entry("a.yaml"))?.oid ?? "";
    const [bytes] = await tree.read([oid], { bytesMax: 5 });
    expect(new TextDecoder().decode(bytes)).toBe("a: 1\n");
    await expect(tree.read([oid], { bytesMax: 4 })).rejects.toMatchObject({ code: "too-large" });
  });

  it("gives equal directories equal ids, and changed ones others, up to the root", async () => {
    const other = new MemoryTree({ "x/shop/b.yaml": "b: 1\n", "x/shop/run.sh": { executable: "exit\n" } });
    const changed = new MemoryTree({ "x/shop/b.yaml": "b: 2\n", "x/shop/run.sh": { executable: "exit\n" } });
    const shop = (await tree.entry("apps/shop"))?.oid;
    expect((await other.entry("x/shop"))?.oid).toBe(shop);
    expect((await changed.entry("x/shop"))?.oid).not.toBe(shop);
    expect((await changed.entry(""))?.oid).not.toBe((await other.entry(""))?.oid);
  });
});
