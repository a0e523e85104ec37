import type { Remote } from "@muster/hub/ports/git-source.contract.ts";
import type { ForgeRepository } from "../forge/forge.ts";

/** A repository of a real forge, changed as a person would: by pushing from a clone. */
export async function workingRemote(repository: ForgeRepository): Promise<Remote> {
  const copy = await repository.workingCopy();
  const isKnown = new Set<string>();

  async function goTo(branch: string): Promise<void> {
    if (isKnown.has(branch)) return void (await copy.git("checkout", "--quiet", branch));
    isKnown.add(branch);
    await copy.git("checkout", "--quiet", "--orphan", branch);
    await copy.git("rm", "-rfq", "--ignore-unmatch", ".");
  }

  return {
    url: repository.url,
    async commit(branch, files, message) {
      await goTo(branch);
      await copy.commit(files, message);
      await copy.push();
      return copy.head();
    },
    async rewrite(branch, files) {
      await goTo(branch);
      await copy.git("reset", "--quiet", "--hard", "HEAD~1");
      await copy.commit(files, "Rewritten");
      await copy.push({ force: true });
      return copy.head();
    },
    async tag(name, commit, message) {
      const annotated = message === undefined ? [] : ["--annotate", `--message=${message}`];
      await copy.git("tag", "--force", ...annotated, name, commit);
      await copy.git("push", "--quiet", "--force", "origin", `refs/tags/${name}`);
    },
    async deleteBranch(branch) {
      // A name below this one, or above it, may come next.
      await copy.git("checkout", "--quiet", "--detach");
      await copy.git("branch", "--quiet", "-D", branch);
      isKnown.delete(branch);
      await copy.git("push", "--quiet", "origin", "--delete", branch);
    },
  };
}
