import type { CommitId } from "@muster/shared/model/ids.ts";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { GitRepository, GitSource } from "./git-source.ts";

/** A repository to read from, and ways to change it. */
export interface Remote {
  readonly url: string;
  /** Commits to `branch` (made from nothing where it is new) and returns the commit's id. Null deletes a file. */
  commit(branch: string, files: Readonly<Record<string, string | null>>, message: string): Promise<string>;
  /** Makes the branch's last commit anew with other content. */
  rewrite(branch: string, files: Readonly<Record<string, string>>): Promise<string>;
  deleteBranch(branch: string): Promise<void>;
}

/** What every engine of `GitSource` must do, over whatever transport `open` chooses. */
export function gitSourceContract(
  open: () => Promise<{ git: GitSource; remote: Remote; stop(): Promise<void> }>,
): void {
  let git: GitSource;
  let remote: Remote;
  let stop: () => Promise<void>;
  beforeEach(async () => {
    ({ git, remote, stop } = await open());
  });
  afterEach(async () => {
    await git.close();
    await stop();
  });

  const signal = AbortSignal.timeout(600_000);
  const main = (): GitRepository => ({ url: remote.url, branch: "main", credentials: null });
  const fetch = (knownHead: string | null = null) =>
    git.fetch(main(), { knownHead: knownHead as CommitId | null, signal });
  const text = async (oids: readonly string[]) =>
    (await git.readFiles(main(), oids, { bytesMax: 1_000_000 })).map((bytes) => Buffer.from(bytes).toString());

  describe("fetch", () => {
    it("names the head, and what became of the one before", async () => {
      const first = await remote.commit("main", { "a.yaml": "1" }, "First\n\nwith a body");
      const head = await fetch();
      expect(head).toMatchObject({ commit: { id: first, subject: "First" }, history: "first" });
      expect(head.commit.author).not.toBe("");
      expect(head.commit.committedAt).toBeGreaterThan(1_500_000_000_000);
      expect(await fetch(first)).toMatchObject({ commit: { id: first }, history: "unchanged" });
      const second = await remote.commit("main", { "a.yaml": "2" }, "Second");
      expect(await fetch(first)).toMatchObject({ commit: { id: second }, history: "advanced" });
    });

    it("notices a rewritten history", async () => {
      await remote.commit("main", { "a.yaml": "1" }, "First");
      const second = await remote.commit("main", { "a.yaml": "2" }, "Second");
      await fetch();
      const other = await remote.rewrite("main", { "a.yaml": "3" });
      expect(await fetch(second)).toMatchObject({ commit: { id: other }, history: "rewritten" });
    });

    it("says which branch is missing, also when it was there before", async () => {
      await remote.commit("main", { "a.yaml": "1" }, "First");
      await remote.commit("other", { "a.yaml": "1" }, "First");
      await fetch();
      await remote.deleteBranch("main");
      await expect(fetch()).rejects.toMatchObject({
        code: "not-found",
        message: expect.stringContaining("no branch main"),
      });
    });

    it("keeps several branches of one repository apart", async () => {
      const one = await remote.commit("main", { "a.yaml": "1" }, "One");
      const two = await remote.commit("two", { "b.yaml": "2" }, "Two");
      const [first, second] = await Promise.all([
        fetch(),
        git.fetch({ ...main(), branch: "two" }, { knownHead: null, signal }),
      ]);
      expect([first.commit.id, second.commit.id]).toEqual([one, two]);
    });

    it("refuses an address it does not speak, and says when there is no repository", async () => {
      await expect(git.fetch({ ...main(), url: "ext::sh -c true" }, { knownHead: null, signal })).rejects.toMatchObject(
        { code: "invalid" },
      );
      await expect(
        git.fetch({ ...main(), url: `${remote.url}-nowhere` }, { knownHead: null, signal }),
      ).rejects.toMatchObject({ code: "not-found" });
    });

    it("ends when it is cancelled", async () => {
      await remote.commit("main", { "a.yaml": "1" }, "First");
      await expect(git.fetch(main(), { knownHead: null, signal: AbortSignal.abort() })).rejects.toThrow();
    });
  });

  describe("trees", () => {
    it("have equal ids for equal content, wherever and whenever", async () => {
      const first = (await remote.commit("main", { "apps/a/x.yaml": "1", "apps/b/x.yaml": "1" }, "First")) as CommitId;
      const second = (await remote.commit("main", { "apps/a/x.yaml": "2" }, "Second")) as CommitId;
      await fetch();
      const tree = (commit: CommitId, path: string) => git.treeOf(main(), commit, path);
      expect(await tree(second, "apps/b")).toBe(await tree(first, "apps/b"));
      expect(await tree(first, "apps/a")).toBe(await tree(first, "apps/b"));
      expect(await tree(second, "apps/a")).not.toBe(await tree(first, "apps/a"));
      expect(await tree(second, "./apps//a/")).toBe(await tree(second, "apps/a"));
      expect(await tree(second, ".")).not.toBeNull();
    });

    it.each(["nowhere", "apps/a/x.yaml", "../etc", "apps/../apps/a"])("are not at %s", async (path) => {
      const first = (await remote.commit("main", { "apps/a/x.yaml": "1" }, "First")) as CommitId;
      await fetch();
      expect(await git.treeOf(main(), first, path)).toBeNull();
    });

    it("say nothing of a commit that was never fetched", async () => {
      await remote.commit("main", { "apps/a/x.yaml": "1" }, "First");
      await fetch();
      const unknown = "0123456789012345678901234567890123456789" as CommitId;
      await expect(git.treeOf(main(), unknown, "apps/a")).rejects.toMatchObject({ code: "unavailable" });
    });

    it("list their files by path with size, and read them in the order asked for", async () => {
      const files = { "b/deep/er.yaml": "deeper", "a.yaml": "a", "b/x.yaml": "xx", "ä ö.yaml": "ü", "empty.yaml": "" };
      const commit = (await remote.commit("main", files, "First")) as CommitId;
      await fetch();
      const listed = await git.listFiles(main(), (await git.treeOf(main(), commit, ".")) ?? "", { filesMax: 100 });
      expect(listed.map(({ path, bytes, mode }) => [path, bytes, mode])).toEqual(
        Object.entries(files)
          .map(([path, content]) => [path, Buffer.byteLength(content), "file"])
          .sort(([one], [other]) => ((one as string) < (other as string) ? -1 : 1)),
      );
      const backwards = listed.toReversed();
      expect(await text(backwards.map(({ oid }) => oid))).toEqual(
        backwards.map(({ path }) => files[path as keyof typeof files]),
      );
    });

    it("are refused beyond the caps on files and bytes", async () => {
      const commit = (await remote.commit("main", { a: "12345", b: "67890" }, "First")) as CommitId;
      await fetch();
      const tree = (await git.treeOf(main(), commit, "")) ?? "";
      await expect(git.listFiles(main(), tree, { filesMax: 1 })).rejects.toMatchObject({ code: "too-large" });
      const oids = (await git.listFiles(main(), tree, { filesMax: 2 })).map(({ oid }) => oid);
      await expect(git.readFiles(main(), oids, { bytesMax: 9 })).rejects.toMatchObject({ code: "too-large" });
    });

    it("are still readable at an older commit, also after the history was rewritten", async () => {
      await remote.commit("main", { "a.yaml": "1" }, "First");
      const second = (await remote.commit("main", { "a.yaml": "old" }, "Second")) as CommitId;
      await fetch();
      await remote.rewrite("main", { "a.yaml": "new" });
      await fetch(second);
      const tree = (await git.treeOf(main(), second, ".")) ?? "";
      const [file] = await git.listFiles(main(), tree, { filesMax: 10 });
      expect(await text([file?.oid ?? ""])).toEqual(["old"]);
    });
  });
}
