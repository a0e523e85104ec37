import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { ForgeCredentials } from "./forge.ts";
import { gitSettings, isolatedGitEnvironment, runGit, serverSettings } from "./git-command.ts";

/** Path -> new content; null removes the file. */
export type Changes = Readonly<Record<string, string | Uint8Array | null>>;

/** A clone in a temporary folder, driven through the real git. */
export interface WorkingCopy {
  readonly folder: string;
  /** Commits on the current branch and answers the commit; without changes it is an empty commit. */
  commit(changes: Changes, message: string, options?: { date?: Date }): Promise<string>;
  /** Pushes the current branch. @throws when the server refuses. */
  push(options?: { force?: boolean }): Promise<void>;
  /** `commit` and `push` in one. */
  commitAndPush(changes: Changes, message: string): Promise<string>;
  /** Goes to a branch; one that does not exist starts at `from`, by default where we are. */
  checkout(branch: string, options?: { from?: string }): Promise<void>;
  /** On the server. */
  deleteBranch(branch: string): Promise<void>;
  /** Puts a tag on the current commit and pushes it, moving it with `force`. */
  pushTag(tag: string, options?: { force?: boolean; message?: string }): Promise<void>;
  head(): Promise<string>;
  /** Anything else. Answers standard output. */
  git(...args: string[]): Promise<string>;
}

export interface WorkingCopyOptions {
  readonly url: string;
  readonly credentials: ForgeCredentials | undefined;
  readonly caPem: string | undefined;
  /** Where its folder is made; whoever owns that removes it. */
  readonly parentFolder: string;
}

/** Clones what is there, which may be nothing yet. */
export async function openWorkingCopy(options: WorkingCopyOptions): Promise<WorkingCopy> {
  const home = mkdtempSync(join(options.parentFolder, "working-copy-"));
  const folder = join(home, "files");
  mkdirSync(folder);
  const env = { ...isolatedGitEnvironment(home), ...gitSettings(serverSettings(home, options)) };
  const git = (...args: string[]) => runGit(args, { cwd: folder, env });
  await git("init", "--quiet", "--initial-branch=main");
  await git("remote", "add", "origin", options.url);
  await git("fetch", "--quiet", "--tags", "origin");
  if (await git("branch", "--remotes", "--list", "origin/main")) await git("reset", "--quiet", "--hard", "origin/main");

  const commit: WorkingCopy["commit"] = async (changes, message, { date } = {}) => {
    for (const [path, content] of Object.entries(changes)) change(join(folder, path), content);
    await git("add", "--all");
    const dates = date ? { GIT_AUTHOR_DATE: date.toISOString(), GIT_COMMITTER_DATE: date.toISOString() } : {};
    const args = ["commit", "--quiet", "--allow-empty", `--message=${message}`];
    await runGit(args, { cwd: folder, env: { ...env, ...dates } });
    return git("rev-parse", "HEAD");
  };
  const push: WorkingCopy["push"] = async ({ force = false } = {}) => {
    await git("push", "--quiet", ...(force ? ["--force"] : []), "origin", "HEAD");
  };
  return {
    folder,
    commit,
    push,
    commitAndPush: async (changes, message) => {
      const id = await commit(changes, message);
      await push();
      return id;
    },
    checkout: async (branch, { from } = {}) => {
      if (await git("branch", "--list", branch)) await git("checkout", "--quiet", branch);
      else await git("checkout", "--quiet", "-b", branch, ...(from ? [from] : []));
    },
    deleteBranch: async (branch) => {
      await git("push", "--quiet", "origin", "--delete", branch);
    },
    pushTag: async (tag, { force = false, message } = {}) => {
      const forced = force ? ["--force"] : [];
      await git("tag", ...forced, ...(message ? ["--annotate", `--message=${message}`] : []), tag);
      await git("push", "--quiet", ...forced, "origin", `refs/tags/${tag}`);
    },
    head: () => git("rev-parse", "HEAD"),
    git,
  };
}

function change(path: string, content: string | Uint8Array | null): void {
  if (content === null) {
    rmSync(path, { recursive: true, force: true });
    return;
  }
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}

/** Asks the server itself, so that nothing remembered answers. */
export async function remoteCommit(options: WorkingCopyOptions, branch: string): Promise<string | undefined> {
  const home = mkdtempSync(join(options.parentFolder, "question-"));
  try {
    const env = { ...isolatedGitEnvironment(home), ...gitSettings(serverSettings(home, options)) };
    const line = await runGit(["ls-remote", options.url, `refs/heads/${branch}`], { cwd: home, env });
    return line.split("\t")[0] || undefined;
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}
