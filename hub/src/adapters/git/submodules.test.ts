import { execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { AppError } from "@muster/shared/errors.ts";
import type { CommitId } from "@muster/shared/model/ids.ts";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { NO_CREDENTIALS } from "../../ports/credentials.ts";
import { type GitSource, plainRemote, type SubmoduleAccess } from "../../ports/git-source.ts";
import { openGit } from "./open.ts";
import { parseGitmodules, resolveSubmodule } from "./submodules.ts";
import { type LocalRemote, localRemote } from "./testing/local-remote.ts";

describe("the address of a submodule", () => {
  it.each([
    ["https://git.example.com/team/fleet.git", "../lib.git", "https://git.example.com/team/lib.git"],
    ["https://git.example.com/team/fleet/", "../../base/lib", "https://git.example.com/base/lib"],
    ["git@git.example.com:team/fleet.git", "../lib.git", "git@git.example.com:team/lib.git"],
    ["git@git.example.com:fleet.git", "../lib.git", "git@git.example.com:lib.git"],
    ["ssh://git@host:2222/fleet.git", "./lib.git", "ssh://git@host:2222/fleet.git/lib.git"],
    ["https://git.example.com/fleet.git", "https://elsewhere.example.com/lib", "https://elsewhere.example.com/lib"],
  ])("of %s, written %s, is %s", (repository, written, expected) => {
    expect(resolveSubmodule(repository, written)).toBe(expected);
  });

  it("is read from .gitmodules", () => {
    const text = `[core]
	url = x
[submodule "a b"]
	path = vendor/a
	url = "../a.git"
	branch = main
[submodule "c"]
  url = https://example.com/c ; comment
  path = c/
[submodule "half"]
	path = half
`;
    expect([...parseGitmodules(text)]).toEqual([
      ["vendor/a", "../a.git"],
      ["c", "https://example.com/c"],
    ]);
  });
});

const hasGit = (() => {
  try {
    return execFileSync("git", ["--version"]).length > 0;
  } catch {
    return false;
  }
})();

describe.each([
  { engine: "isomorphic" as const, isHere: true },
  { engine: "native" as const, isHere: hasGit },
])("submodules with the $engine engine", ({ engine, isHere }) => {
  describe.runIf(isHere)("", () => {
    let folder: string;
    let git: GitSource;
    let fleet: LocalRemote;
    let lib: LocalRemote;
    let base: LocalRemote;
    const signal = AbortSignal.timeout(60_000);
    const everywhere: SubmoduleAccess = async () => ({ scope: "", credentials: NO_CREDENTIALS });
    const at = (submodules: false | SubmoduleAccess) => ({
      ...plainRemote(pathToFileURL(join(folder, "fleet")).href),
      submodules,
    });
    const fetch = async (submodules: false | SubmoduleAccess = everywhere) =>
      (await git.fetch(at(submodules), { wanted: [{ ref: { branch: "main" }, knownHead: null }], signal }))[0];

    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), "muster-submodules-"));
      [fleet, lib, base] = (await Promise.all(
        ["fleet", "lib", "base"].map((name) => localRemote(join(folder, name))),
      )) as [LocalRemote, LocalRemote, LocalRemote];
      ({ git } = await openGit({ engine, directory: join(folder, "mirrors") }));
    });
    afterEach(async () => {
      await git.close();
      await rm(folder, { recursive: true });
    });

    const modules = (path: string, url: string): string => `[submodule "x"]\n\tpath = ${path}\n\turl = ${url}\n`;

    async function nested(): Promise<CommitId> {
      const deep = await base.commit("main", { "base.yaml": "base" }, "Base");
      const inner = await lib.commit(
        "main",
        { ".gitmodules": modules("base", "../base"), base: { submodule: deep }, "lib.yaml": "lib" },
        "Lib",
      );
      // Only the commit that is named counts, not the branch's head.
      await lib.commit("main", { "lib.yaml": "newer" }, "Newer");
      return (await fleet.commit(
        "main",
        { ".gitmodules": modules("vendor/lib", "../lib"), "vendor/lib": { submodule: inner }, "app.yaml": "app" },
        "Fleet",
      )) as CommitId;
    }

    it("are read as if their files were here, also those within others", async () => {
      const commit = await nested();
      expect(await fetch()).toMatchObject({ kind: "found", commit: { id: commit } });
      const tree = git.treeAt(at(everywhere), commit);
      const files = await tree.walk("", { filesMax: 100 });
      expect(files.map(({ path, bytes }) => [path, bytes])).toEqual([
        [".gitmodules", expect.any(Number)],
        ["app.yaml", 3],
        ["vendor/lib/.gitmodules", expect.any(Number)],
        ["vendor/lib/base/base.yaml", 4],
        ["vendor/lib/lib.yaml", 3],
      ]);
      const oids = files.filter(({ path }) => path.endsWith(".yaml")).map(({ oid }) => oid);
      const texts = (await tree.read(oids, { bytesMax: 1_000 })).map((bytes) => Buffer.from(bytes).toString());
      expect(texts).toEqual(["app", "base", "lib"]);
      expect(await tree.entry("vendor/lib")).toMatchObject({ mode: "directory" });
      expect(await tree.entry("vendor/lib/base/base.yaml")).toMatchObject({ mode: "file" });
    });

    it("are entries of their own where nobody asks for them", async () => {
      const commit = await nested();
      await fetch(false);
      const tree = git.treeAt(at(false), commit);
      expect(await tree.entry("vendor/lib")).toMatchObject({ mode: "submodule" });
      expect(await tree.entry("vendor/lib/lib.yaml")).toBeNull();
      expect((await tree.walk("vendor", { filesMax: 9 })).map(({ path, mode }) => [path, mode])).toEqual([
        ["vendor/lib", "submodule"],
      ]);
    });

    it.each([
      ["that are not in .gitmodules", "", everywhere, /submodule vendor\/lib.*\.gitmodules does not say/],
      ["whose repository is not there", modules("vendor/lib", "../gone"), everywhere, /vendor\/lib: there is no repo/],
      ["whose commit is not there", modules("vendor/lib", "../lib"), everywhere, /vendor\/lib.*has no commit 0123/],
      [
        "that may not be read",
        modules("vendor/lib", "../lib"),
        () => Promise.reject(new AppError("forbidden", "not for this Project")),
        /vendor\/lib: not for this Project/,
      ],
    ])("%s make the ref incomplete, and say which", async (_, gitmodules, access, reason) => {
      await lib.commit("main", { "lib.yaml": "lib" }, "Lib");
      const submodule = "0123456789012345678901234567890123456789";
      const commit = await fleet.commit(
        "main",
        { ".gitmodules": gitmodules, "vendor/lib": { submodule }, "app.yaml": "app" },
        "Fleet",
      );
      const result = await fetch(access);
      if (gitmodules === "") {
        const read = git.treeAt(at(access), commit as CommitId).list("vendor/lib");
        await expect(read).rejects.toMatchObject({ code: "invalid", message: expect.stringMatching(reason) });
      } else expect(result).toMatchObject({ kind: "incomplete", reason: expect.stringMatching(reason) });
    });
  });
});
