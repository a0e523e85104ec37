import { AppError } from "@muster/shared/errors.ts";
import { type AppUid, type CommitId, formatApp } from "@muster/shared/model/ids.ts";
import { isNotice } from "@muster/shared/model/problem.ts";
import type { AppFacts } from "../core/app-facts.ts";
import { gitOf, nameOf, type StoredApp, type StoredSource, sourceOf } from "../core/documents/definition.ts";
import type { Release } from "../core/documents/release.ts";
import type { SourceStatus } from "../core/documents/source-status.ts";
import type { CommitFacts, FollowedCommit } from "../core/explain-commit.ts";
import { isAbout } from "../core/source-progress.ts";
import { otherSources } from "../core/variants.ts";
import type { CredentialStore } from "../ports/credentials.ts";
import type { GitRemote, GitSource } from "../ports/git-source.ts";
import { remoteOf, targetOf } from "./git-remotes.ts";
import type { HubState } from "./hub-state.ts";
import type { CoverEntry } from "./render/closure.ts";
import type { OpenTree } from "./render/open-tree.ts";
import type { ReleaseContents } from "./render/release-contents.ts";
import { directoryOf } from "./render/render-variant.ts";
import type { Rendering } from "./render-releases.ts";

/** Releases whose commits are compared with the one that is asked about: each may be a walk through the history. */
const RELEASES_MAX = 40;

/** Finds where a commit stands. Reads the mirrors that are there, and no remote. */
export interface CommitLookup {
  /** @throws AppError "invalid" for the beginning of several commits. */
  find(facts: AppFacts, asked: string): Promise<CommitFacts>;
}

/** A Source that gives an App something, and how its history is asked. */
interface Candidate {
  readonly source: StoredSource;
  /** As the App's renders call it: `""` is its own. */
  readonly as: string;
  readonly status: SourceStatus | null;
  readonly history: History;
}

interface History {
  resolve(prefix: string): Promise<readonly string[]>;
  /** Whether `ancestor` is in the history of `descendant`, or is it. */
  isIn(ancestor: string, descendant: string): Promise<boolean>;
  /** Null: it has none, or it cannot be told. */
  parentOf(commit: string): Promise<string | null>;
}

export function createCommitLookup(deps: {
  state: HubState;
  git: Pick<GitSource, "resolveCommit" | "isAncestor" | "object">;
  credentials: CredentialStore;
  openTree: OpenTree;
  contents: Pick<ReleaseContents, "tableOf">;
  renderingOf: (app: AppUid) => Rendering;
  signal: AbortSignal;
}): CommitLookup {
  const { state } = deps;

  async function candidatesOf(app: StoredApp, facts: AppFacts): Promise<readonly Candidate[]> {
    const { project } = nameOf(app);
    const named = [
      { as: "", name: sourceOf(app).name },
      ...otherSources(app.definition.spec).map((name) => ({ as: name, name })),
    ];
    const candidates: Candidate[] = [];
    for (const { as, name } of named) {
      const source = state.source({ project, name });
      if (source === null) continue;
      const stored = state.sourceStatuses.get(formatApp({ project, name }));
      const status = stored !== null && isAbout(stored, targetOf(source)) ? stored : null;
      candidates.push({ source, as, status, history: await historyOf(source, knownCommits(status, as, facts)) });
    }
    return candidates;
  }

  async function historyOf(source: StoredSource, known: readonly string[]): Promise<History> {
    const here = (prefix: string): readonly string[] => known.filter((commit) => commit.startsWith(prefix));
    if (source.definition.spec.git === undefined) {
      return {
        resolve: async (prefix) => here(prefix),
        isIn: async (one, other) => one === other,
        parentOf: async () => null,
      };
    }
    const remote: GitRemote = await remoteOf(source, deps.credentials, { signal: deps.signal });
    return {
      // What is remembered counts as well: a mirror may have been lost.
      resolve: async (prefix) => [...new Set([...(await deps.git.resolveCommit(remote, prefix)), ...here(prefix)])],
      isIn: async (one, other) => one === other || deps.git.isAncestor(remote, one as CommitId, other as CommitId),
      async parentOf(commit) {
        const bytes = await deps.git.object(remote, commit).catch(() => null);
        const [header = ""] = Buffer.from(bytes ?? [])
          .toString("latin1")
          .split("\n\n");
        return /^parent ([0-9a-f]{40,64})$/m.exec(header)?.[1] ?? null;
      },
    };
  }

  async function follow(
    app: StoredApp,
    facts: AppFacts,
    { source, as, status, history }: Candidate,
    commit: string,
  ): Promise<FollowedCommit> {
    const all = [...facts.releases.values()].sort((one, other) => one.number - other.number);
    const releases = all.filter((release) => commitIn(release, as) !== null).slice(-RELEASES_MAX);
    const made = releases.filter((release) => commitIn(release, as) === commit);
    let after: Release | null = null;
    for (const release of releases.toReversed()) {
      if (made.includes(release) || !(await history.isIn(commit, commitIn(release, as) ?? ""))) break;
      after = release;
    }
    const rendering = deps.renderingOf(app.uid);
    const parent = await history.parentOf(commit);
    const head = status?.revision?.commit ?? null;
    const cover = await coverOf(app, rendering, all.at(-1) ?? null, as);
    const isHeadRendered =
      head !== null && (rendering.rendered?.commit === head || (await hasCover(source, head, cover)));
    return {
      commit,
      changesWhatIsRead:
        parent === null || cover.length === 0 ? null : !(await areAlike(source, [commit, parent], cover)),
      made,
      after,
      headSameAs: isHeadRendered ? (rendering.rendered?.sameAs[0] ?? null) : null,
    };
  }

  /** What the App reads of this Source, as far as it is known; at least its own directory. */
  async function coverOf(
    app: StoredApp,
    rendering: Rendering,
    newest: Release | null,
    as: string,
  ): Promise<readonly CoverEntry[]> {
    let cover = rendering.cover;
    if (cover.length === 0 && newest !== null) {
      const table = await deps.contents.tableOf(newest);
      cover = table?.variants.flatMap((variant) => variant.cover) ?? newest.input.cover;
    }
    const { name, path } = app.definition.spec.source;
    const own = cover.filter(({ source }) => source === as || (as === "" && source === name));
    return own.length === 0 && as === "" ? [{ source: "", path: directoryOf({ path }), oid: null }] : own;
  }

  async function oidsAt(source: StoredSource, commit: string, cover: readonly CoverEntry[]): Promise<string> {
    const tree = await deps.openTree(source, commit as CommitId);
    return (await Promise.all(cover.map(async ({ path }) => (await tree.entry(path))?.oid ?? "-"))).join();
  }

  async function areAlike(
    source: StoredSource,
    [one, other]: readonly [string, string],
    cover: readonly CoverEntry[],
  ): Promise<boolean> {
    return (await oidsAt(source, one, cover)) === (await oidsAt(source, other, cover));
  }

  /** Whether what was rendered last is what the head holds. */
  const hasCover = async (source: StoredSource, head: string, cover: readonly CoverEntry[]): Promise<boolean> =>
    (await oidsAt(source, head, cover)) === cover.map(({ oid }) => oid ?? "-").join();

  return {
    async find(facts, asked) {
      const app = facts.stored;
      if (app === null) throw new AppError("not-found", `${formatApp(facts.name)} was deleted.`);
      const candidates = await candidatesOf(app, facts);
      for (const candidate of candidates) {
        const found = await candidate.history.resolve(asked);
        if (found.length > 1) {
          throw new AppError("invalid", `${asked} is the beginning of ${found.length} commits.`, {
            fix: "Write more digits.",
          });
        }
        const [commit] = found;
        if (commit === undefined) continue;
        return { asked, source: describe(candidate), place: await placeOf(app, facts, candidate, commit) };
      }
      const [own] = candidates;
      if (own === undefined) {
        const { project, name } = sourceOf(app);
        throw new AppError("not-found", `There is no Source "${name}" in project ${project}.`, {
          fix: `Apply a Source named ${name}, or change spec.source.name of ${formatApp(facts.name)}.`,
        });
      }
      return { asked, source: describe(own), place: { kind: "unknown" } };
    },
  };

  async function placeOf(
    app: StoredApp,
    facts: AppFacts,
    candidate: Candidate,
    commit: string,
  ): Promise<CommitFacts["place"]> {
    const { status, history } = candidate;
    const head = status?.revision?.commit ?? null;
    if (head !== null && (await history.isIn(commit, head))) {
      return { kind: "followed", ...(await follow(app, facts, candidate, commit)) };
    }
    const held = status?.held ?? null;
    if (held !== null && (await history.isIn(commit, held.commit))) {
      const fix = status?.problems.find(({ code }) => code === "CommitHeld")?.fix ?? null;
      return { kind: "held", commit, by: held.commit, reason: held.reason, fix };
    }
    return { kind: "elsewhere", commit, wasHead: status?.seen.some((one) => one.commit === commit) ?? false };
  }
}

/** The commit of a Source that a Release was made from; null: it reads nothing of it. */
const commitIn = ({ input }: Release, as: string): string | null =>
  as === "" ? input.commit : (input.others.find(({ source }) => source === as)?.commit ?? null);

function knownCommits(status: SourceStatus | null, as: string, { releases }: AppFacts): readonly string[] {
  const heads = [status?.revision?.commit, status?.held?.commit, ...(status?.seen ?? []).map(({ commit }) => commit)];
  const made = [...releases.values()].map((release) => commitIn(release, as));
  return [...new Set([...heads, ...made].filter((commit) => commit != null))];
}

function describe({ source, status }: Candidate): CommitFacts["source"] {
  const { url, ref } = gitOf(source);
  const problem = status?.problems.find((one) => !isNotice(one));
  return {
    title: formatApp(nameOf(source)),
    url,
    ref: ref.branch,
    head: status?.revision?.commit ?? null,
    lastChecked: status?.lastChecked ?? null,
    problem: problem === undefined ? null : { message: problem.message, fix: problem.fix ?? null },
  };
}
