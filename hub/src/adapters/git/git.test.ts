import { execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe } from "vitest";
import { gitSourceContract } from "../../ports/git-source.contract.ts";
import { openGit } from "./open.ts";
import { localRemote } from "./testing/local-remote.ts";

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
])("the $engine engine on a repository of this machine", ({ engine, isHere }) => {
  // Without a git binary there is nothing to test: `auto` takes the other engine there.
  describe.runIf(isHere)("", () => {
    gitSourceContract(async () => {
      const folder = await mkdtemp(join(tmpdir(), "muster-git-"));
      const remote = await localRemote(join(folder, "fleet"));
      const { git } = await openGit({ engine, directory: join(folder, "mirrors") });
      return {
        git,
        remote: { ...remote, url: pathToFileURL(join(folder, "fleet")).href },
        stop: () => rm(folder, { recursive: true }),
      };
    });
  });
});
