import { describe } from "vitest";
import { gitSourceContract } from "../ports/git-source.contract.ts";
import { FakeGit } from "./fake-git.ts";

describe("the forge in memory", () => {
  gitSourceContract(
    async () => {
      const git = new FakeGit();
      const url = "https://git.example.com/fleet.git";
      const files = new Map<string, Record<string, string>>();
      const put = (
        branch: string,
        changes: Readonly<Record<string, string | null>>,
        message: string,
        amend: boolean,
      ) => {
        const merged = { ...files.get(branch), ...changes };
        const kept = Object.entries(merged).filter((entry): entry is [string, string] => entry[1] !== null);
        files.set(branch, Object.fromEntries(kept));
        return git.push(url, Object.fromEntries(kept), { subject: message.split("\n", 1)[0] ?? "", branch, amend });
      };
      const remote = {
        url,
        commit: async (branch: string, changes: Readonly<Record<string, string | null>>, message: string) =>
          put(branch, changes, message, false),
        rewrite: async (branch: string, changes: Readonly<Record<string, string>>) =>
          put(branch, changes, "Rewritten", true),
        deleteBranch: async (branch: string) => {
          files.delete(branch);
          git.deleteBranch(url, branch);
        },
        tag: async (name: string, commit: string) => git.tag(url, name, commit as never),
      };
      return { git, remote, stop: async () => {} };
    },
    { isFake: true },
  );
});
