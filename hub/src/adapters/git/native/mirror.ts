import { createHash } from "node:crypto";
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { AppError, isAppError } from "@muster/shared/errors.ts";
import type { CommitId } from "@muster/shared/model/ids.ts";
import type { GitCommit, GitRepository } from "../../../ports/git-source.ts";
import { failures, fromGitStderr } from "../failures.ts";
import { type ObjectReader, openObjectReader } from "./object-reader.ts";
import { gitEnvironment, runGit } from "./run-git.ts";

/** A bare copy of one remote: every branch that a Source tracks, in one object store. */
export interface Mirror {
  /** Brings the branch up to date and names its head. */
  fetch(repository: GitRepository, signal: AbortSignal): Promise<GitCommit>;
  isAncestor(ancestor: CommitId, descendant: CommitId, signal: AbortSignal): Promise<boolean>;
  /** A live reader; ends by itself after a while without questions. */
  reader(): Promise<ObjectReader>;
  close(): Promise<void>;
}

const FETCH_TIMEOUT_MS = 15 * 60_000;
const LOCAL_TIMEOUT_MS = 30_000;
const READER_IDLE_MS = 60_000;
/** Each small fetch leaves loose objects; now and then they become one pack. */
const FETCHES_BETWEEN_PACKING = 500;

export function openMirror(directory: string, url: string): Mirror {
  const gitDirectory = join(directory, createHash("sha256").update(url).digest("hex").slice(0, 32));
  const plain = gitEnvironment(null);
  const local = { gitDirectory, environment: plain, timeoutMs: LOCAL_TIMEOUT_MS };
  let ready: Promise<void> | null = null;
  let turn: Promise<unknown> = Promise.resolve();
  let fetches = 0;
  let open: { reader: ObjectReader; idle?: NodeJS.Timeout } | null = null;

  async function prepare(): Promise<void> {
    await mkdir(gitDirectory, { recursive: true });
    // Nobody else uses this folder: a lock found at the start is one that a killed process left.
    for (const entry of await readdir(gitDirectory, { recursive: true })) {
      if (entry.endsWith(".lock")) await rm(join(gitDirectory, entry), { force: true });
    }
    const made = await runGit(["init", "--bare", "--quiet"], { ...local, signal: null });
    if (made.exitCode !== 0)
      throw new AppError("unavailable", `cannot make the mirror of a repository: ${made.stderr}`);
  }

  async function startOver(): Promise<void> {
    await closeReader();
    await rm(gitDirectory, { recursive: true, force: true });
    await prepare();
  }

  async function closeReader(): Promise<void> {
    if (open === null) return;
    clearTimeout(open.idle);
    const { reader } = open;
    open = null;
    await reader.close();
  }

  async function pull(repository: GitRepository, signal: AbortSignal): Promise<void> {
    const environment = gitEnvironment(
      repository.credentials === null ? null : { url: repository.url, value: repository.credentials },
    );
    const refspec = `+refs/heads/${repository.branch}:${refOf(repository.branch)}`;
    const args = [
      "fetch",
      "--quiet",
      "--no-tags",
      "--no-write-fetch-head",
      "--no-recurse-submodules",
      repository.url,
      refspec,
    ];
    const outcome = await runGit(args, { gitDirectory, environment, timeoutMs: FETCH_TIMEOUT_MS, signal });
    if (outcome.exitCode === 0) return;
    if (/corrupt|bad object|invalid sha1 pointer|did not send all necessary objects/i.test(outcome.stderr)) {
      throw new AppError("corrupt", outcome.stderr);
    }
    throw fromGitStderr(repository, outcome.stderr);
  }

  async function head(branch: string): Promise<GitCommit> {
    const object = await (await readerOf()).contents(refOf(branch));
    if (object?.content == null) throw new AppError("corrupt", `the mirror has no ${refOf(branch)}`);
    return parseCommit(object.oid as CommitId, object.content.toString("utf8"));
  }

  async function readerOf(): Promise<ObjectReader> {
    ready ??= prepare();
    await ready;
    if (open === null || open.reader.isClosed) {
      open = { reader: openObjectReader(gitDirectory, plain) };
    }
    clearTimeout(open.idle);
    open.idle = setTimeout(() => void closeReader(), READER_IDLE_MS).unref();
    return open.reader;
  }

  async function fetchNow(repository: GitRepository, signal: AbortSignal): Promise<GitCommit> {
    if (repository.branch.startsWith("-") || normalizeBranch(repository.branch) === null) {
      throw failures.unsupported(repository, `"${repository.branch}" cannot be a branch's name`);
    }
    ready ??= prepare();
    await ready;
    try {
      await pull(repository, signal);
    } catch (error) {
      if (!isAppError(error, "corrupt")) throw error;
      await startOver();
      await pull(repository, signal);
    }
    if (++fetches % FETCHES_BETWEEN_PACKING === 0) {
      await runGit(["repack", "-a", "-d", "--quiet"], { ...local, timeoutMs: FETCH_TIMEOUT_MS, signal });
    }
    return head(repository.branch);
  }

  return {
    fetch(repository, signal) {
      const next = turn.then(() => fetchNow(repository, signal));
      turn = next.catch(() => {});
      return next;
    },
    async isAncestor(ancestor, descendant, signal) {
      const outcome = await runGit(["merge-base", "--is-ancestor", ancestor, descendant], { ...local, signal });
      return outcome.exitCode === 0;
    },
    reader: readerOf,
    async close() {
      await turn;
      await closeReader();
    },
  };
}

const refOf = (branch: string): string => `refs/muster/heads/${branch}`;

/** git-check-ref-format, as far as it keeps a name from being something else. */
function normalizeBranch(branch: string): string | null {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  return /[\x00-\x20~^:?*[\\\x7f]|\.\.|@\{|\/\/|\.lock(\/|$)|^\/|\/$|\.$/.test(branch) ? null : branch;
}

/** Reads a commit object: header lines, an empty line, the message. */
export function parseCommit(id: CommitId, text: string): GitCommit {
  const end = text.indexOf("\n\n");
  const author = /^author (.*) <[^>]*> \d+ [+-]\d{4}$/m.exec(text.slice(0, end))?.[1] ?? "";
  const seconds = Number(/^committer .* (\d+) [+-]\d{4}$/m.exec(text.slice(0, end))?.[1] ?? 0);
  const subject = text.slice(end + 2).split("\n", 1)[0] ?? "";
  return { id, author, subject: subject.slice(0, 200), committedAt: seconds * 1000 };
}
