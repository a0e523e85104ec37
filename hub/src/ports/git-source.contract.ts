import type { CommitId } from "@muster/shared/model/ids.ts";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Credentials } from "./credentials.ts";
import { type GitRef, type GitRemote, type GitSource, plainRemote } from "./git-source.ts";

/** A repository to read from, and ways to change it. */
export interface Remote {
  readonly url: string;
  /** How it is reached; absent: by anybody. */
  readonly credentials?: Credentials;
  /** Commits to `branch` (made from nothing where it is new) and returns the commit's id. Null deletes a file. */
  commit(branch: string, files: Readonly<Record<string, string | null>>, message: string): Promise<string>;
  /** Makes the branch's last commit anew with other content. */
  rewrite(branch: string, files: Readonly<Record<string, string>>): Promise<string>;
  deleteBranch(branch: string): Promise<void>;
  /** Puts a tag on a commit, moving it; with a message, one with an object of its own. */
  tag(name: string, commit: string, message?: string): Promise<void>;
}

interface Subject {
  readonly git: GitSource;
  readonly remote: Remote;
  stop(): Promise<void>;
}

/**
 * What every engine of `GitSource` must do, over whatever transport `open` chooses. `isFake`: it keeps no Git objects
 * and reaches nothing, so that what is told by those is left out.
 */
export function gitSourceContract(open: () => Promise<Subject>, { isFake = false } = {}): void {
  const real = (isFake ? () => {} : it) as typeof it;
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
  const there = (): GitRemote => plainRemote(remote.url, "", remote.credentials);
  const fetchAll = (...refs: readonly (GitRef & { known?: string })[]) =>
    git.fetch(there(), {
      wanted: refs.map(({ known, ...ref }) => ({ ref, knownHead: (known ?? null) as CommitId | null })),
      signal,
    });
  const fetch = async (ref: GitRef, known?: string) => {
    const [result] = await fetchAll(known === undefined ? ref : { ...ref, known });
    return result;
  };
  const main = { branch: "main" };
  const text = async (commit: string, oids: readonly string[]) =>
    (await git.treeAt(there(), commit as CommitId).read(oids, { bytesMax: 1_000_000 })).map((bytes) =>
      Buffer.from(bytes).toString(),
    );

  describe("a branch", () => {
    it("is named with its commit, and what became of the one before", async () => {
      const first = await remote.commit("main", { "a.yaml": "1" }, "First\n\nwith a body");
      const head = await fetch(main);
      expect(head).toMatchObject({
        kind: "found",
        commit: { id: first, subject: "First" },
        history: "first",
        tag: null,
      });
      if (head?.kind !== "found") throw new Error("not found");
      expect(head.commit.author).not.toBe("");
      expect(head.commit.committedAt).toBeGreaterThan(1_500_000_000_000);
      expect(await fetch(main, first)).toMatchObject({ commit: { id: first }, history: "unchanged" });
      const second = await remote.commit("main", { "a.yaml": "2" }, "Second");
      expect(await fetch(main, first)).toMatchObject({ commit: { id: second }, history: "advanced" });
    });

    it("whose history was rewritten is noticed", async () => {
      await remote.commit("main", { "a.yaml": "1" }, "First");
      const second = await remote.commit("main", { "a.yaml": "2" }, "Second");
      await fetch(main);
      const other = await remote.rewrite("main", { "a.yaml": "3" });
      expect(await fetch(main, second)).toMatchObject({ commit: { id: other }, history: "rewritten" });
    });

    it("that is missing fails no other, also when it was there before", async () => {
      await remote.commit("main", { "a.yaml": "1" }, "First");
      const other = await remote.commit("other", { "a.yaml": "1" }, "First");
      await fetchAll(main, { branch: "other" });
      await remote.deleteBranch("main");
      expect(await fetchAll(main, { branch: "other", known: other }, { branch: "-x" })).toMatchObject([
        { kind: "missing", reason: expect.stringContaining("no branch main") },
        { kind: "found", commit: { id: other }, history: "unchanged" },
        { kind: "missing" },
      ]);
    });

    it("may stand where a longer name stood, and is not taken for one that begins like it", async () => {
      await remote.commit("a/b", { "a.yaml": "1" }, "One");
      const longer = await remote.commit("mainline", { "a.yaml": "3" }, "Three");
      expect(await fetchAll({ branch: "a/b" }, main)).toMatchObject([{ kind: "found" }, { kind: "missing" }]);
      await remote.deleteBranch("a/b");
      const two = await remote.commit("a", { "a.yaml": "2" }, "Two");
      expect(await fetchAll({ branch: "a" }, { branch: "mainline" })).toMatchObject([
        { commit: { id: two } },
        { commit: { id: longer } },
      ]);
    });
  });

  describe("a tag", () => {
    real("is its commit, whether it has an object of its own or not", async () => {
      const one = await remote.commit("main", { "a.yaml": "1" }, "One");
      await remote.tag("light", one);
      await remote.tag("v1.0.0", one, "The first");
      const [light, annotated] = await fetchAll({ tag: "light" }, { tag: "v1.0.0" });
      expect(light).toMatchObject({ commit: { id: one }, tag: { name: "light", object: null } });
      expect(annotated).toMatchObject({ commit: { id: one, subject: "One" }, tag: { name: "v1.0.0" } });
      const object = annotated?.kind === "found" ? (annotated.tag?.object ?? "") : "";
      expect(Buffer.from(await git.object(there(), object)).toString()).toMatch(
        new RegExp(`^object ${one}\\ntype commit\\ntag v1\\.0\\.0\\n[\\s\\S]*The first`),
      );
    });

    it("that was moved is followed", async () => {
      const one = await remote.commit("main", { "a.yaml": "1" }, "One");
      await remote.tag("v1.0.0", one, "The first");
      await fetch({ tag: "v1.0.0" });
      const two = await remote.commit("main", { "a.yaml": "2" }, "Two");
      await remote.tag("v1.0.0", two, "The second");
      expect(await fetch({ tag: "v1.0.0" }, one)).toMatchObject({ commit: { id: two }, history: "advanced" });
    });

    it("that is missing is said to be", async () => {
      await remote.commit("main", { "a.yaml": "1" }, "One");
      expect(await fetch({ tag: "v9" })).toMatchObject({
        kind: "missing",
        reason: expect.stringContaining("no tag v9"),
      });
    });
  });

  describe("a range of versions", () => {
    it("is its highest tag, with or without a v, and a pre-release only when it names one", async () => {
      const ids: Record<string, string> = {};
      for (const tag of ["v1.2.0", "1.10.0", "v1.9.9", "v2.0.0-rc.1", "other", "app-v9.0.0"]) {
        ids[tag] = await remote.commit("main", { "a.yaml": tag }, tag);
        await remote.tag(tag, ids[tag], tag.includes("0") ? tag : undefined);
      }
      const results = await fetchAll(
        { semver: ">=1.0 <3" },
        { semver: "~1.2" },
        { semver: ">=2.0.0-0" },
        { semver: "^3" },
      );
      expect(results).toMatchObject([
        { commit: { id: ids["1.10.0"] }, tag: { name: "1.10.0" } },
        { commit: { id: ids["v1.2.0"] }, tag: { name: "v1.2.0" } },
        { commit: { id: ids["v2.0.0-rc.1"] }, tag: { name: "v2.0.0-rc.1" } },
        { kind: "missing", reason: expect.stringContaining("^3") },
      ]);
    });

    real("is ambiguous when one version is two commits", async () => {
      await remote.tag("v1.0.0", await remote.commit("main", { "a.yaml": "1" }, "One"));
      await remote.tag("1.0.0", await remote.commit("main", { "a.yaml": "2" }, "Two"));
      expect(await fetch({ semver: "1.x" })).toMatchObject({ kind: "ambiguous" });
    });
  });

  describe("a commit", () => {
    it("is found by its id or the beginning of it, wherever it is in a branch or tag", async () => {
      const old = await remote.commit("main", { "a.yaml": "1" }, "Old");
      const tagged = await remote.commit("gone", { "a.yaml": "2" }, "Tagged");
      await remote.tag("kept", tagged);
      await remote.deleteBranch("gone");
      await remote.commit("main", { "a.yaml": "3" }, "New");
      expect(await fetchAll({ commit: old }, { commit: tagged.slice(0, 12) }, main)).toMatchObject([
        { commit: { id: old, subject: "Old" } },
        { commit: { id: tagged } },
        { commit: { subject: "New" } },
      ]);
      expect(await fetch({ commit: old.slice(0, 10) })).toMatchObject({ kind: "found", commit: { id: old } });
      expect(await fetch({ commit: old }, old)).toMatchObject({ history: "unchanged" });
      expect(await text(old, [(await git.treeAt(there(), old as CommitId).entry("a.yaml"))?.oid ?? ""])).toEqual(["1"]);
    });

    it("that is nowhere is missing, and fails no branch", async () => {
      const head = await remote.commit("main", { "a.yaml": "1" }, "One");
      const nowhere = "0123456789012345678901234567890123456789";
      expect(await fetchAll({ commit: nowhere }, main, { commit: "0123456" })).toMatchObject([
        { kind: "missing", reason: expect.stringContaining(nowhere) },
        { kind: "found", commit: { id: head } },
        { kind: "missing" },
      ]);
    });

    it("is resolved by prefix among those that were fetched, and compared with its descendants", async () => {
      const first = (await remote.commit("main", { "a.yaml": "1" }, "First")) as CommitId;
      const second = (await remote.commit("main", { "a.yaml": "2" }, "Second")) as CommitId;
      const other = (await remote.commit("other", { "a.yaml": "3" }, "Other")) as CommitId;
      await fetchAll(main, { branch: "other" });
      expect(await git.resolveCommit(there(), first.slice(0, 10))).toEqual([first]);
      expect(await git.resolveCommit(there(), "0123456789")).toEqual([]);
      expect(await git.resolveCommit(there(), "../x")).toEqual([]);
      expect(await git.isAncestor(there(), first, second)).toBe(true);
      expect(await git.isAncestor(there(), second, second)).toBe(true);
      expect(await git.isAncestor(there(), second, first)).toBe(false);
      expect(await git.isAncestor(there(), first, other)).toBe(false);
    });

    real("is given as the object that was signed", async () => {
      const id = await remote.commit("main", { "a.yaml": "1" }, "First");
      await fetch(main);
      expect(Buffer.from(await git.object(there(), id)).toString()).toMatch(/^tree [0-9a-f]{40}\n[\s\S]*\n\nFirst\n?$/);
      await expect(git.object(there(), "0123456789012345678901234567890123456789")).rejects.toMatchObject({
        code: "unavailable",
      });
    });
  });

  describe("a fetch", () => {
    real("refuses an address it does not speak, and says when there is no repository", async () => {
      const fetchFrom = (url: string) =>
        git.fetch({ ...there(), url }, { wanted: [{ ref: main, knownHead: null }], signal });
      await expect(fetchFrom("ext::sh -c true")).rejects.toMatchObject({ code: "invalid" });
      await expect(fetchFrom("ssh://-oProxyCommand=x/y")).rejects.toMatchObject({ code: "invalid" });
      await expect(fetchFrom(remote.url.replace("fleet", "nowhere"))).rejects.toMatchObject({ code: "not-found" });
    });

    it("ends when it is cancelled", async () => {
      await remote.commit("main", { "a.yaml": "1" }, "First");
      const wanted = [{ ref: main, knownHead: null }];
      await expect(git.fetch(there(), { wanted, signal: AbortSignal.abort() })).rejects.toThrow();
    });
  });

  describe("a tree", () => {
    const at = (commit: string) => git.treeAt(there(), commit as CommitId);

    it("has equal ids for equal content, wherever and whenever", async () => {
      const first = await remote.commit("main", { "apps/a/x.yaml": "1", "apps/b/x.yaml": "1" }, "First");
      const second = await remote.commit("main", { "apps/a/x.yaml": "2" }, "Second");
      await fetch(main);
      const id = async (commit: string, path: string) => (await at(commit).entry(path))?.oid;
      expect(await id(second, "apps/b")).toBe(await id(first, "apps/b"));
      expect(await id(first, "apps/a")).toBe(await id(first, "apps/b"));
      expect(await id(second, "apps/a")).not.toBe(await id(first, "apps/a"));
      expect(await id(second, "")).not.toBe(await id(first, ""));
      expect(await at(second).entry("apps/a")).toMatchObject({ path: "apps/a", mode: "directory" });
      expect(await at(second).entry("apps/a/x.yaml")).toMatchObject({ path: "apps/a/x.yaml", mode: "file" });
    });

    it.each(["nowhere", "apps/a/x.yaml/y", "../etc", "apps/../apps/a", "apps//a", "./apps", "/apps", "apps/"])(
      "has nothing at %s",
      async (path) => {
        const first = await remote.commit("main", { "apps/a/x.yaml": "1" }, "First");
        await fetch(main);
        expect(await at(first).entry(path)).toBeNull();
        expect(await at(first).list(path)).toEqual([]);
        expect(await at(first).walk(path, { filesMax: 10 })).toEqual([]);
      },
    );

    it("says nothing of a commit that was never fetched", async () => {
      await remote.commit("main", { "apps/a/x.yaml": "1" }, "First");
      await fetch(main);
      const unknown = at("0123456789012345678901234567890123456789");
      await expect(unknown.entry("apps/a")).rejects.toMatchObject({ code: "unavailable" });
      await expect(unknown.walk("", { filesMax: 9 })).rejects.toMatchObject({ code: "unavailable" });
    });

    it("lists by path, walks its files with their size, and reads them in the order asked for", async () => {
      const files = { "b/deep/er.yaml": "deeper", "a.yaml": "a", "b/x.yaml": "xx", "ä ö.yaml": "ü", "empty.yaml": "" };
      const commit = await remote.commit("main", files, "First");
      await fetch(main);
      expect((await at(commit).list("")).map(({ path, mode }) => [path, mode])).toEqual([
        ["a.yaml", "file"],
        ["b", "directory"],
        ["empty.yaml", "file"],
        ["ä ö.yaml", "file"],
      ]);
      expect((await at(commit).list("b")).map(({ path }) => path)).toEqual(["b/deep", "b/x.yaml"]);
      const walked = await at(commit).walk("", { filesMax: 100 });
      expect(walked.map(({ path, bytes, mode }) => [path, bytes, mode])).toEqual(
        Object.entries(files)
          .map(([path, content]) => [path, Buffer.byteLength(content), "file"])
          .sort(([one], [other]) => ((one as string) < (other as string) ? -1 : 1)),
      );
      expect((await at(commit).walk("b", { filesMax: 2 })).map(({ path }) => path)).toEqual([
        "b/deep/er.yaml",
        "b/x.yaml",
      ]);
      const backwards = walked.toReversed();
      expect(
        await text(
          commit,
          backwards.map(({ oid }) => oid),
        ),
      ).toEqual(backwards.map(({ path }) => files[path as keyof typeof files]));
    });

    it("is refused beyond the caps on files and bytes", async () => {
      const commit = await remote.commit("main", { a: "12345", b: "67890" }, "First");
      await fetch(main);
      await expect(at(commit).walk("", { filesMax: 1 })).rejects.toMatchObject({ code: "too-large" });
      const oids = (await at(commit).walk("", { filesMax: 2 })).map(({ oid }) => oid);
      await expect(at(commit).read(oids, { bytesMax: 9 })).rejects.toMatchObject({ code: "too-large" });
    });

    it("is still readable at an older commit, also after the history was rewritten", async () => {
      await remote.commit("main", { "a.yaml": "1" }, "First");
      const second = await remote.commit("main", { "a.yaml": "old" }, "Second");
      await fetch(main);
      await remote.rewrite("main", { "a.yaml": "new" });
      await fetch(main, second);
      const [file] = await at(second).walk("", { filesMax: 10 });
      expect(await text(second, [file?.oid ?? ""])).toEqual(["old"]);
    });

    real("names the file that is only a pointer of Git LFS", async () => {
      const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${"0".repeat(64)}\nsize 12\n`;
      const commit = await remote.commit("main", { "big/logo.png": pointer }, "First");
      await fetch(main);
      const tree = at(commit);
      const [file] = await tree.walk("", { filesMax: 10 });
      await expect(tree.read([file?.oid ?? ""], { bytesMax: 1_000 })).rejects.toMatchObject({
        code: "unsupported",
        message: expect.stringContaining("big/logo.png"),
      });
    });
  });
}
