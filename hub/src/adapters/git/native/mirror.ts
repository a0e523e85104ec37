import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { AppError, isAppError } from "@muster/shared/errors.ts";
import type { GitRemote } from "../../../ports/git-source.ts";
import { failures, fromGitStderr } from "../failures.ts";
import { unknownCommit } from "../fetch-pack.ts";
import type { Link } from "../link.ts";
import type { RemoteRef, RemoteRefs } from "../list-refs.ts";
import type { Mirror, Pull } from "../mirror.ts";
import type { SecretFiles } from "../secret-files.ts";
import { type ObjectReader, openObjectReader } from "./object-reader.ts";
import { gitEnvironment, runGit } from "./run-git.ts";
import { withTransport } from "./transport.ts";

const FETCH_TIMEOUT_MS = 15 * 60_000;
const LOCAL_TIMEOUT_MS = 30_000;
/** Commits looked at before git is asked about the whole history. */
const NEAR_COMMITS_MAX = 32;
const READER_IDLE_MS = 60_000;
/** Each small fetch leaves loose objects; now and then they become one pack. */
const FETCHES_BETWEEN_PACKING = 500;
const SLOTS = "refs/muster/";

/** A bare repository of the native binary: one process for each fetch, and one that reads objects while it is asked. */
export function openMirror(directory: string, name: string, secrets: SecretFiles): Mirror {
  const gitDirectory = join(directory, name);
  const plain = gitEnvironment();
  const local = { gitDirectory, environment: plain, timeoutMs: LOCAL_TIMEOUT_MS, signal: null };
  let ready: Promise<Map<string, string>> | null = null;
  let fetches = 0;
  let open: { reader: ObjectReader; idle?: NodeJS.Timeout } | null = null;

  async function prepare(): Promise<Map<string, string>> {
    await mkdir(gitDirectory, { recursive: true });
    // Nobody else uses this folder: a lock found at the start is one that a killed process left.
    for (const entry of await readdir(gitDirectory, { recursive: true })) {
      if (entry.endsWith(".lock")) await rm(join(gitDirectory, entry), { force: true });
    }
    const made = await runGit(["init", "--bare", "--quiet"], local);
    if (made.exitCode !== 0) {
      throw new AppError("unavailable", `cannot make the mirror of a repository: ${made.stderr}`);
    }
    const listed = await runGit(["for-each-ref", "--format=%(refname) %(objectname)", SLOTS], local);
    const lines = listed.stdout.split("\n").filter((line) => line !== "");
    return new Map(lines.map((line) => line.slice(SLOTS.length).split(" ") as [string, string]));
  }

  const prepared = (): Promise<Map<string, string>> => {
    ready ??= prepare().catch((error) => {
      ready = null;
      throw error;
    });
    return ready;
  };

  async function startOver(): Promise<void> {
    await closeReader();
    await rm(gitDirectory, { recursive: true, force: true });
    ready = null;
    await prepared();
  }

  async function closeReader(): Promise<void> {
    if (open === null) return;
    clearTimeout(open.idle);
    const { reader } = open;
    open = null;
    await reader.close();
  }

  async function readerOf(): Promise<ObjectReader> {
    await prepared();
    if (open === null || open.reader.isClosed) open = { reader: openObjectReader(gitDirectory, plain) };
    clearTimeout(open.idle);
    open.idle = setTimeout(() => void closeReader(), READER_IDLE_MS).unref();
    return open.reader;
  }

  async function pull(remote: GitRemote, link: Link, pulls: readonly Pull[], signal: AbortSignal): Promise<void> {
    const refspecs = pulls.map(({ oid, slot }) => `+${oid}:${SLOTS}${slot}`);
    const flags = ["--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--refmap=", "--stdin"];
    const outcome = await withTransport(secrets, remote, link, ({ url, environment }) =>
      runGit(["fetch", ...flags, "--", url], {
        gitDirectory,
        environment,
        timeoutMs: FETCH_TIMEOUT_MS,
        signal,
        stdin: `${refspecs.join("\n")}\n`,
      }),
    );
    if (outcome.exitCode === 0) return;
    const unknown = unknownCommit(outcome.stderr);
    if (unknown !== null) throw new AppError("not-found", `not our ref ${unknown}`);
    if (/corrupt|bad object|invalid sha1 pointer|did not send all necessary objects/i.test(outcome.stderr)) {
      throw new AppError("corrupt", outcome.stderr);
    }
    throw fromGitStderr(remote, outcome.stderr);
  }

  return {
    slots: prepared,

    async pull(remote, link, pulls, signal) {
      await prepared();
      try {
        await pull(remote, link, pulls, signal);
      } catch (error) {
        if (!isAppError(error, "corrupt")) throw error;
        await startOver();
        await pull(remote, link, pulls, signal);
      }
      const slots = await prepared();
      for (const { oid, slot } of pulls) slots.set(slot, oid);
      if (++fetches % FETCHES_BETWEEN_PACKING === 0) {
        // What a rewritten branch has left is still read by who runs it.
        const args = ["repack", "-a", "-d", "--keep-unreachable", "--quiet"];
        await runGit(args, { ...local, timeoutMs: FETCH_TIMEOUT_MS, signal });
      }
    },

    async objects(oids) {
      if (oids.length === 0) return [];
      const reader = await readerOf();
      return Promise.all(
        oids.map(async (oid) => {
          const object = await reader.contents(oid);
          if (object?.content == null) return null;
          return { type: object.type as "blob", bytes: object.content };
        }),
      );
    },

    async sizes(oids) {
      if (oids.length === 0) return [];
      const reader = await readerOf();
      return Promise.all(oids.map(async (oid) => (await reader.info(oid))?.bytes ?? null));
    },

    async commitsBeginning(prefix, max) {
      await prepared();
      const { stdout } = await runGit(["rev-parse", `--disambiguate=${prefix}`], local);
      const reader = await readerOf();
      const ids = stdout.split("\n").filter((line) => line !== "");
      const objects = await Promise.all(ids.map((oid) => reader.info(oid)));
      return ids.filter((_oid, index) => objects[index]?.type === "commit").slice(0, max);
    },

    async isAncestor(ancestor, descendant) {
      const isNear = await isNearAncestor(await readerOf(), ancestor, descendant);
      return isNear || (await runGit(["merge-base", "--is-ancestor", ancestor, descendant], local)).exitCode === 0;
    },

    localRefs: (path, signal) => localRefs(path, signal, plain),

    async close() {
      await ready?.catch(() => {});
      await closeReader();
    },
  };
}

/** Whether one commit is few steps behind another, as after nearly every push: that needs no process of its own. */
async function isNearAncestor(reader: ObjectReader, ancestor: string, descendant: string): Promise<boolean> {
  const seen = new Set([descendant]);
  let level = [descendant];
  while (level.length > 0 && seen.size <= NEAR_COMMITS_MAX) {
    if (level.includes(ancestor)) return true;
    const commits = await Promise.all(level.map((id) => reader.contents(id)));
    level = commits
      .flatMap((commit) => (commit?.type === "commit" && commit.content !== null ? parentsIn(commit.content) : []))
      .filter((id) => !seen.has(id));
    for (const id of level) seen.add(id);
  }
  return level.includes(ancestor);
}

/** `tree …`, then one `parent …` a line. */
const parentsIn = (commit: Buffer): string[] =>
  [
    ...(/^tree [0-9a-f]+\n((?:parent [0-9a-f]+\n)*)/.exec(commit.toString("latin1"))?.[1] ?? "").matchAll(
      /[0-9a-f]{40,64}/g,
    ),
  ].map(([id]) => id);

async function localRefs(path: string, signal: AbortSignal, environment: NodeJS.ProcessEnv): Promise<RemoteRefs> {
  const candidates = [join(path, ".git"), path];
  const found = await Promise.all(candidates.map((candidate) => stat(join(candidate, "objects")).catch(() => null)));
  const gitDirectory = candidates.find((_candidate, index) => found[index] != null);
  if (gitDirectory === undefined) throw missing(path);
  const args = ["for-each-ref", "--format=%(objectname) %(refname) %(*objectname)", "refs/heads/", "refs/tags/"];
  const outcome = await runGit(args, { gitDirectory, environment, timeoutMs: LOCAL_TIMEOUT_MS, signal });
  if (outcome.exitCode !== 0) throw missing(path);
  const refs = new Map<string, RemoteRef>();
  for (const line of outcome.stdout.split("\n")) {
    const [oid, name, peeled] = line.split(" ");
    if (oid && name) refs.set(name, { oid, peeled: peeled || null });
  }
  return refs;
}

const missing = (path: string): AppError => failures.noRepositoryAt(path);
