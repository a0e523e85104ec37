import { expect, it } from "vitest";
import type { GitObject, Mirror } from "./mirror.ts";
import { createTreeStore } from "./tree-store.ts";

const oid = (digit: string): string => digit.repeat(40);
const treeOf = (name: string, of: string): GitObject => ({
  type: "tree",
  bytes: Buffer.concat([Buffer.from(`40000 ${name}\0`), Buffer.from(of, "hex")]),
});

function counted(objects: Readonly<Record<string, GitObject>>) {
  const asked: string[] = [];
  const mirror = {
    objects: async (oids: readonly string[]) => {
      asked.push(...oids);
      return oids.map((id) => objects[id] ?? null);
    },
  } as unknown as Mirror;
  return { asked, store: createTreeStore(mirror) };
}

it("reads a commit and its directories once, however many ask at once", async () => {
  const commit: GitObject = { type: "commit", bytes: Buffer.from(`tree ${oid("2")}\nauthor`) };
  const { asked, store } = counted({ [oid("1")]: commit, [oid("2")]: treeOf("apps", oid("3")) });
  const one = async () => (await store.trees([await store.rootOf(oid("1"))]))[0]?.get("apps");
  const all = await Promise.all(Array.from({ length: 100 }, one));
  expect(new Set(all.map((entry) => entry?.oid))).toEqual(new Set([oid("3")]));
  await one();
  expect(asked).toEqual([oid("1"), oid("2")]);
});

it("asks again for what was not there", async () => {
  const objects: Record<string, GitObject> = {};
  const { store } = counted(objects);
  await expect(store.trees([oid("2")])).rejects.toMatchObject({ code: "unavailable" });
  await expect(store.rootOf(oid("2"))).rejects.toMatchObject({ code: "unavailable" });
  objects[oid("2")] = treeOf("apps", oid("3"));
  expect(await store.rootOf(oid("2"))).toBe(oid("2"));
  expect((await store.trees([oid("2")]))[0]?.has("apps")).toBe(true);
});
