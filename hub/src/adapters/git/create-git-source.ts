import { createHash } from "node:crypto";
import { join } from "node:path";
import { AppError, isAppError } from "@muster/shared/errors.ts";
import type { CommitId } from "@muster/shared/model/ids.ts";
import type { FoundRef, GitCommit, GitRemote, GitSource, RefResult, WantedRef } from "../../ports/git-source.ts";
import type { SourceTree } from "../../ports/source-tree.ts";
import { parseAddress } from "./address.ts";
import { type Choice, chooseRef, prefixesFor } from "./choose-refs.ts";
import { parseCommit } from "./commit.ts";
import { failures, publicUrl } from "./failures.ts";
import { unknownCommit } from "./fetch-pack.ts";
import { type GitTreeOptions, gitTree, type Repository } from "./git-tree.ts";
import { readLfs } from "./lfs.ts";
import { type Link, type LinkDependencies, listRefs } from "./link.ts";
import type { RemoteRefs } from "./list-refs.ts";
import type { Mirror, Pull } from "./mirror.ts";
import { parseGitmodules, resolveSubmodule } from "./submodules.ts";
import { createTreeStore, type TreeStore } from "./tree-store.ts";

/** What tells the engines apart: how they keep a mirror, and what they can reach. */
export interface Engine {
  readonly speaksSsh: boolean;
  /** The mirror of a remote; `name` is the folder's. */
  openMirror(remote: GitRemote, name: string): Mirror;
  close(): Promise<void>;
}

interface Held {
  /** The folder's name. */
  readonly name: string;
  /** Commits whose submodules are all here. */
  readonly complete: Set<string>;
  readonly mirror: Mirror;
  readonly store: TreeStore;
  link: Link | null;
  /** Two fetches into one mirror take turns. */
  turn: Promise<unknown>;
}

const RESOLVED_MAX = 10;
/** Refs may move between the listing and the pack; then they are listed once more. */
const ATTEMPTS_MAX = 3;
const COMPLETE_MAX = 1_000;
const SUBMODULE_DEPTH_MAX = 32;
const SUBMODULE_TIMEOUT_MS = 60_000;
const NOTHING_SPECIAL: GitTreeOptions = { submodule: null, lfs: null };

/** `GitSource` over an engine's mirrors: which refs are wanted, what is new, and the trees of what is there. */
export function createGitSource(
  engine: Engine,
  deps: Omit<LinkDependencies, "localRefs"> & { readonly allowsFiles: boolean; readonly directory: string },
): GitSource {
  const held = new Map<string, Held>();

  function holdOf(remote: GitRemote): Held {
    const key = JSON.stringify([remote.url, remote.scope]);
    const known = held.get(key);
    if (known !== undefined) return known;
    const { kind } = parseAddress(remote.url);
    if (kind === "ssh" && !engine.speaksSsh) throw failures.nativeOnly(remote.url, "an address of SSH");
    if (kind === "file" && !deps.allowsFiles) throw failures.noFiles(remote.url);
    const name = hashed(key);
    const mirror = engine.openMirror(remote, name);
    const store = createTreeStore(mirror);
    const opened: Held = { name, mirror, store, complete: new Set(), link: null, turn: Promise.resolve() };
    held.set(key, opened);
    return opened;
  }

  async function list(hold: Held, remote: GitRemote, prefixes: readonly string[], signal: AbortSignal) {
    const localRefs = hold.mirror.localRefs.bind(hold.mirror);
    const { refs, link } = await listRefs({ ...deps, localRefs }, remote, { prefixes, known: hold.link, signal });
    hold.link = link;
    return refs;
  }

  async function fetchNow(
    hold: Held,
    remote: GitRemote,
    wanted: readonly WantedRef[],
    signal: AbortSignal,
  ): Promise<readonly RefResult[]> {
    signal.throwIfAborted();
    const { mirror } = hold;
    const slots = await mirror.slots();
    const known = await Promise.all(wanted.map((want) => commitHere(hold, want)));
    const needed = wanted.flatMap(({ ref }, index) => (known[index] ? [] : prefixesOf(ref)));
    const prefixes = [...new Set(needed)];
    const refusedCommits = new Set<string>();
    for (let attempt = 1; ; attempt += 1) {
      const refs: RemoteRefs = prefixes.length > 0 ? await list(hold, remote, prefixes, signal) : new Map();
      const choices = wanted.map(({ ref }, index) => known[index] ?? chooseRef(ref, refs, publicUrl(remote.url)));
      const isWide = choices.some((choice) => choice.kind === "commit" && !isFull(choice.id));
      const pulls = pullsOf(wanted, choices, slots, refusedCommits);
      if (isWide) pulls.push(...pullsOfAll(refs, slots));
      try {
        if (pulls.length > 0 && hold.link !== null) await mirror.pull(remote, hold.link, pulls, signal);
      } catch (error) {
        const unknown = isAppError(error, "not-found") ? unknownCommit(error.message) : null;
        if (unknown === null) throw error;
        const isAskedFor = choices.some((choice) => choice.kind === "commit" && choice.id === unknown);
        if (isAskedFor && !refusedCommits.has(unknown)) {
          refusedCommits.add(unknown);
          attempt -= 1;
          continue;
        }
        if (attempt < ATTEMPTS_MAX) continue;
        throw new AppError("unavailable", `${publicUrl(remote.url)} changes faster than it can be read`, {
          cause: error,
        });
      }
      return Promise.all(wanted.map((want, index) => resultOf(hold, remote, want, choices[index] as Choice)));
    }
  }

  /** A commit that is here already needs nobody to be asked: it can never be another. */
  async function commitHere(hold: Held, { ref, knownHead }: WantedRef): Promise<Choice | null> {
    const { commit: id } = ref;
    if (id === undefined) return null;
    const slots = await hold.mirror.slots();
    if (isFull(id)) return slots.has(slotOf({ commit: id })) ? { kind: "commit", id } : null;
    const found = await hold.mirror.commitsBeginning(id, RESOLVED_MAX);
    if (knownHead?.startsWith(id) && found.includes(knownHead)) return { kind: "commit", id: knownHead };
    const [only] = found;
    return found.length === 1 && only !== undefined ? { kind: "commit", id: only } : null;
  }

  async function resultOf(hold: Held, remote: GitRemote, want: WantedRef, choice: Choice): Promise<RefResult> {
    if (choice.kind !== "object" && choice.kind !== "commit") return choice;
    const say = publicUrl(remote.url);
    if (choice.kind === "object") {
      const commit = await readCommit(hold.mirror, choice.commit);
      if (commit === null) {
        const what = choice.tag === null ? "the branch" : `tag ${choice.tag.name}`;
        const fix = "Point spec.git.ref at a branch, or at a tag of a commit.";
        return { kind: "missing", reason: `${what} of ${say} does not name a commit`, fix };
      }
      return found(hold, want, commit, choice.tag);
    }
    const ids = isFull(choice.id) ? [choice.id] : await hold.mirror.commitsBeginning(choice.id, RESOLVED_MAX);
    const fix = "Write the whole commit id into spec.git.ref.commit.";
    if (ids.length > 1) {
      const reason = `${ids.length} commits of ${say} begin with ${choice.id}`;
      return { kind: "ambiguous", reason, fix };
    }
    const commit = await readCommit(hold.mirror, ids[0] ?? "");
    if (commit === null) return { kind: "missing", reason: `${say} has no commit ${choice.id}`, fix };
    return found(hold, want, commit, null);
  }

  async function found(hold: Held, { ref, knownHead }: WantedRef, commit: GitCommit, tag: FoundRef["tag"]) {
    const history = async (): Promise<FoundRef["history"]> => {
      if (knownHead === null) return "first";
      if (knownHead === commit.id) return "unchanged";
      if (ref.branch === undefined) return "advanced";
      return (await hold.mirror.isAncestor(knownHead, commit.id)) ? "advanced" : "rewritten";
    };
    return { kind: "found" as const, commit, history: await history(), tag };
  }

  /** Fetches in turn: two into one mirror would do the same work twice. */
  function fetchInTurn(remote: GitRemote, wanted: readonly WantedRef[], signal: AbortSignal) {
    const hold = holdOf(remote);
    const next = hold.turn.then(() => fetchNow(hold, remote, wanted, signal));
    hold.turn = next.catch(() => {});
    return next;
  }

  const wholeOf = (remote: GitRemote, root: string): Repository => ({
    remote,
    store: holdOf(remote).store,
    root,
    prefix: "",
  });

  /** The repository of a submodule, with the commit that it stands for. */
  async function openSubmodule(
    within: Repository,
    path: string,
    commit: string,
    signal = AbortSignal.timeout(SUBMODULE_TIMEOUT_MS),
  ): Promise<Repository> {
    const { submodules } = within.remote;
    if (submodules === false) throw new Error("submodules were not asked for");
    const depth = within.prefix.split("/").length;
    if (depth > SUBMODULE_DEPTH_MAX) throw brokenSubmodule(path, "it lies too deep within others");
    const modules = await modulesOf(within);
    const written = modules.get(path.slice(within.prefix.length));
    if (written === undefined) throw brokenSubmodule(path, "the file .gitmodules does not say where it is");
    const url = resolveSubmodule(within.remote.url, written);
    try {
      const remote: GitRemote = { ...within.remote, url, ...(await submodules(url, { signal })) };
      const [result] = await fetchInTurn(remote, [{ ref: { commit }, knownHead: null }], signal);
      if (result?.kind !== "found") throw brokenSubmodule(path, result?.reason ?? "it is not there");
      return { remote, store: holdOf(remote).store, root: commit, prefix: `${path}/` };
    } catch (error) {
      if (!isAppError(error) || error.message.includes(`submodule ${path}`)) throw error;
      const fix = error.fix === undefined ? {} : { fix: error.fix };
      throw new AppError(error.code, `submodule ${path}: ${error.message}`, { cause: error, ...fix });
    }
  }

  async function modulesOf({ store, root }: Repository): Promise<ReadonlyMap<string, string>> {
    const [tree] = await store.trees([await store.rootOf(root)]);
    const file = tree?.get(".gitmodules");
    const [object] = file?.mode === "file" ? await store.mirror.objects([file.oid]) : [null];
    return object == null ? new Map() : parseGitmodules(Buffer.from(object.bytes).toString("utf8"));
  }

  /** Brings every submodule of a commit, so that reading it needs no network. */
  async function fetchSubmodules(repository: Repository, signal: AbortSignal): Promise<void> {
    const { submodules: _, ...plain } = repository.remote;
    const tree = gitTree({ ...repository, remote: { ...plain, submodules: false }, prefix: "" }, NOTHING_SPECIAL);
    for (const path of (await modulesOf(repository)).keys()) {
      const entry = await tree.entry(path);
      if (entry?.mode !== "submodule") continue;
      const at = `${repository.prefix}${path}`;
      await fetchSubmodules(await openSubmodule(repository, at, entry.oid, signal), signal);
    }
  }

  async function completed(remote: GitRemote, result: RefResult, signal: AbortSignal): Promise<RefResult> {
    if (result.kind !== "found" || remote.submodules === false) return result;
    const hold = holdOf(remote);
    if (hold.complete.has(result.commit.id)) return result;
    try {
      await fetchSubmodules(wholeOf(remote, result.commit.id), signal);
      if (hold.complete.size >= COMPLETE_MAX) hold.complete.clear();
      hold.complete.add(result.commit.id);
      return result;
    } catch (error) {
      if (!isAppError(error) || signal.aborted) throw error;
      return { kind: "incomplete", reason: error.message, fix: error.fix ?? "Mend .gitmodules, or its repository." };
    }
  }

  const treeOptions = (remote: GitRemote): GitTreeOptions => ({
    submodule: remote.submodules === false ? null : openSubmodule,
    lfs: remote.lfs
      ? (within, pointers) => {
          const folder = join(deps.directory, holdOf(within.remote).name, "lfs");
          return readLfs(deps, within.remote, folder, pointers);
        }
      : null,
  });

  function treeAt(remote: GitRemote, root: string): SourceTree {
    let tree: SourceTree | null = null;
    const open = (): SourceTree => {
      tree ??= gitTree(wholeOf(remote, root), treeOptions(remote));
      return tree;
    };
    return {
      entry: async (path) => open().entry(path),
      list: async (path) => open().list(path),
      walk: async (path, opts) => open().walk(path, opts),
      read: async (oids, opts) => open().read(oids, opts),
    };
  }

  return {
    async fetch(remote, { wanted, signal }) {
      const results = await fetchInTurn(remote, wanted, signal);
      return Promise.all(results.map((result) => completed(remote, result, signal)));
    },

    treeAt: (remote, commit) => treeAt(remote, commit),

    async object(remote, id) {
      const [object] = await holdOf(remote).mirror.objects([id]);
      if (object?.type !== "commit" && object?.type !== "tag") throw failures.notFetched(id);
      return object.bytes;
    },

    async resolveCommit(remote, prefix) {
      if (!/^[0-9a-f]{4,64}$/.test(prefix)) return [];
      return (await holdOf(remote).mirror.commitsBeginning(prefix, RESOLVED_MAX)) as readonly CommitId[];
    },

    isAncestor: async (remote, ancestor, descendant) => holdOf(remote).mirror.isAncestor(ancestor, descendant),

    async close() {
      await Promise.all([...held.values()].map((hold) => hold.mirror.close()));
      held.clear();
      await engine.close();
      await deps.http.close();
    },
  };
}

/** Of a commit by its id, the refs that a short id could be reachable from; and of a full one only the server's word. */
const prefixesOf = (ref: WantedRef["ref"]): readonly string[] => {
  if (ref.commit === undefined) return prefixesFor(ref).length > 0 ? prefixesFor(ref) : ["HEAD"];
  return isFull(ref.commit) ? ["HEAD"] : ["refs/heads/", "refs/tags/"];
};

function pullsOf(
  wanted: readonly WantedRef[],
  choices: readonly Choice[],
  slots: ReadonlyMap<string, string>,
  refused: ReadonlySet<string>,
): Pull[] {
  const pulls = new Map<string, Pull>();
  for (const [index, choice] of choices.entries()) {
    const slot = slotOf(wanted[index]?.ref ?? {}, choice);
    if (choice.kind === "object" && slots.get(slot) !== choice.oid) pulls.set(slot, { oid: choice.oid, slot });
    if (choice.kind !== "commit" || !isFull(choice.id) || refused.has(choice.id)) continue;
    const own = slotOf({ commit: choice.id });
    if (!slots.has(own)) pulls.set(own, { oid: choice.id, slot: own });
  }
  return [...pulls.values()];
}

function pullsOfAll(refs: RemoteRefs, slots: ReadonlyMap<string, string>): Pull[] {
  return [...refs].flatMap(([name, { oid }]) => {
    const slot = hashed(name);
    return /^refs\/(heads|tags)\//.test(name) && slots.get(slot) !== oid ? [{ oid, slot }] : [];
  });
}

/** Names of refs may stand in each other's way (`a` and `a/b`), and their hashes do not. */
function slotOf(ref: WantedRef["ref"], choice?: Choice): string {
  if (choice?.kind === "object" && choice.tag !== null) return hashed(`refs/tags/${choice.tag.name}`);
  if (ref.branch !== undefined) return hashed(`refs/heads/${ref.branch}`);
  return hashed(`commit ${ref.commit ?? ""}`);
}

const hashed = (name: string): string => createHash("sha256").update(name).digest("hex").slice(0, 32);

const brokenSubmodule = (path: string, why: string): AppError =>
  new AppError("invalid", `submodule ${path} cannot be read: ${why}`, {
    fix: "Mend .gitmodules and push, or set spec.git.submodules: false in the Source.",
  });

const isFull = (id: string): boolean => id.length >= 40;

async function readCommit(mirror: Mirror, id: string): Promise<GitCommit | null> {
  const [object] = id === "" ? [null] : await mirror.objects([id]);
  if (object?.type !== "commit") return null;
  return parseCommit(id as CommitId, Buffer.from(object.bytes).toString("utf8"));
}
