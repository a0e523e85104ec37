import type { Clock } from "@muster/shared/clock.ts";
import { withDeadline } from "@muster/shared/deadline.ts";
import { AppError, isAppError, messageOf } from "@muster/shared/errors.ts";
import type { Log } from "@muster/shared/log.ts";
import { type AppName, type CommitId, formatApp } from "@muster/shared/model/ids.ts";
import type { Problem } from "@muster/shared/model/problem.ts";
import { judgeDefinition } from "../../core/definitions/judge-definition.ts";
import type { WrittenDefinition } from "../../core/definitions/parse-file.ts";
import { countsOf, type DefinitionPlan, planDefinitions } from "../../core/definitions/plan-definitions.ts";
import { nameOf, type StoredDefinition, type StoredSource } from "../../core/documents/definition.ts";
import type { DefinitionRead } from "../../core/documents/definition-read.ts";
import { isSameOwner, type Owner } from "../../core/documents/owner.ts";
import { isAbout } from "../../core/source-progress.ts";
import type { CredentialStore } from "../../ports/credentials.ts";
import type { Actor } from "../../ports/hub-commands.ts";
import type { HubMetrics } from "../../ports/metrics.ts";
import type { SourceTree } from "../../ports/source-tree.ts";
import type { RemovalBrake } from "../brake-removals.ts";
import { targetOf } from "../git-remotes.ts";
import type { HubState } from "../hub-state.ts";
import { KeyedLoop } from "../keyed-loop.ts";
import { WakeLater } from "../wake-later.ts";
import { carryOut } from "./carry-out.ts";
import { gatherDocuments, type ParsedFiles, plainPath } from "./gather-documents.ts";

const SOURCES_AT_ONCE_MAX = 4;
const CREDENTIAL_TIMEOUT_MS = 10_000;
/** A Source that was refused for its credential is judged again after so long. */
const REFUSED_AGAIN_MS = 60_000;
export const PROBLEMS_MAX = 20;

/** What became of the definitions of a Source's Revision. In memory: after a restart it is found out again. */
export interface DefinitionStatus {
  readonly commit: string | null;
  readonly documents: number;
  readonly problems: readonly Problem[];
}

export interface DefinitionReader {
  start(): void;
  stop(): Promise<void>;
  idle(): Promise<void>;
  /** A Source's Revision is another. */
  wake(source: AppName): void;
  /** Null: the Source holds no definitions. */
  of(source: AppName): DefinitionStatus | null;
  /** Keys of what a Source holds and may not have, because it is another's. */
  claims(source: string): ReadonlyMap<string, string>;
}

export interface ReadDefinitionsDeps {
  readonly state: HubState;
  readonly openTree: (source: StoredSource, revision: CommitId) => Promise<SourceTree>;
  readonly credentials: CredentialStore;
  readonly brake: Pick<RemovalBrake, "preview">;
  readonly newId: () => string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly metrics: HubMetrics;
  readonly log: Log;
}

interface Known extends DefinitionStatus {
  readonly files: ParsedFiles;
  readonly claims: ReadonlyMap<string, string>;
  readonly notice: Problem | null;
  /** What the verdict was made from: with the same there is nothing to do. */
  readonly basis: string | null;
  /** Clusters that its documents name. */
  readonly clusters: ReadonlySet<string>;
}

const NOT_READ: Known = {
  commit: null,
  documents: 0,
  problems: [],
  files: new Map(),
  claims: new Map(),
  notice: null,
  basis: null,
  clusters: new Set(),
};

/**
 * Revision → definitions. For each Source with `spec.definitions`: read every file below the path, judge every document,
 * store what is good, delete what is gone. Safe to repeat and to be killed anywhere: each document is its own write, and
 * the note that all was read comes last.
 */
export function readDefinitions(deps: ReadDefinitionsDeps): DefinitionReader {
  const { state, clock, log } = deps;
  const known = new Map<string, Known>();
  /** Sources of which more than the commit may be another: those are judged anew in any case. */
  const unsettled = new Set<string>();
  const judgeAnew = (source: string): void => {
    unsettled.add(source);
    loop.wake(source);
  };
  const later = new WakeLater({ clock, wake: judgeAnew });
  const loop: KeyedLoop = new KeyedLoop({
    name: "read definitions",
    concurrencyMax: SOURCES_AT_ONCE_MAX,
    clock,
    random: deps.random,
    log,
    onFailure: () => deps.metrics.count("work-failures"),
    work: async (key, signal) => {
      const [project = "", name = ""] = key.split("/");
      const source = state.source({ project, name });
      if (source?.definition.spec.definitions === undefined) {
        if (known.delete(key)) state.notifyChange();
        return;
      }
      try {
        await readOne(key, source, signal);
      } catch (error) {
        unsettled.add(key);
        if (!signal.aborted) noteFailure(key, error);
        throw error;
      }
    },
  });

  async function readOne(key: string, source: StoredSource, signal: AbortSignal): Promise<void> {
    const status = state.sourceStatuses.get(key);
    const revision = status !== null && isAbout(status, targetOf(source)) ? status.revision : null;
    const before = known.get(key) ?? NOT_READ;
    if (revision === null) {
      known.set(key, before);
      return;
    }
    const { commit } = revision;
    const { path } = source.definition.spec.definitions as { path: string };
    const tree = await deps.openTree(source, commit);
    const folder = (await tree.entry(plainPath(path) ?? path))?.oid ?? null;
    const basis = JSON.stringify([source.uid, source.changes, folder]);
    if (before.basis === basis && !unsettled.has(key)) {
      known.set(key, { ...before, commit });
      state.notifyChange();
      return;
    }
    unsettled.delete(key);
    const gathered = await gatherDocuments(tree, { path, commit, before: before.files, clock });
    const refusals = await credentialRefusals(
      source,
      gathered.documents.flatMap((one) => ("problem" in one ? [] : [one])),
    );
    // Whoever mounts a credential says so there, and to nobody else.
    if (refusals.size > 0) later.at(key, clock.now() + REFUSED_AGAIN_MS);
    // From here on nothing is awaited before the plan is made: it is of one moment.
    const present = state.source(nameOf(source));
    if (signal.aborted || present === null || present.uid !== source.uid || present.changes !== source.changes) {
      judgeAnew(key);
      return;
    }
    const owner: Owner = { source: key };
    const place = placeOf(source);
    const plan = planDefinitions({
      source,
      commit,
      documents: gathered.documents,
      unread: gathered.unread,
      isSamePlace: JSON.stringify(state.definitionReads.get(key)) === JSON.stringify(place),
      judge: (written) => judgeOne(source, written, refusals),
      owned: [...state.definitions.values()].filter((stored) => !stored.deleted && isSameOwner(stored.owner, owner)),
      labelled: [...state.clusters.values()].flatMap(({ name, revoked, labelOwners }) =>
        revoked === null && Object.values(labelOwners).some((one) => isSameOwner(one, owner)) ? [name] : [],
      ),
    });
    const by = { actor: actorOf(key, commit), owner };
    const { problems, claims } = await carryOut({ ...deps, by }, plan, signal);
    if (plan.isComplete && !signal.aborted) await notePlace(key, place);
    const notice = plan.notice ?? (before.commit === commit ? before.notice : null);
    const told = [...plan.problems, ...problems, ...(notice === null ? [] : [notice])];
    known.set(key, {
      commit,
      documents: plan.documents,
      problems: told.slice(0, PROBLEMS_MAX).map((problem) => withCommit(problem, commit)),
      files: gathered.files,
      claims,
      notice,
      basis,
      clusters: new Set(plan.labels.map(({ cluster }) => cluster)),
    });
    tellLog(key, commit, plan, problems.length);
    state.notifyChange();
  }

  function judgeOne(
    source: StoredSource,
    written: WrittenDefinition,
    refusals: ReadonlyMap<WrittenDefinition, AppError>,
  ): Problem | null {
    const { definition } = written;
    return judgeDefinition(written, {
      source,
      storedSource: definition.kind === "Source" ? state.source(definition.metadata) : null,
      project: state.project(nameOf(source).project),
      credentialRefusal: refusals.get(written) ?? null,
    });
  }

  /** Asked only of Sources that are new or changed. What cannot be had right now is told by the Source itself. */
  async function credentialRefusals(
    source: StoredSource,
    documents: readonly WrittenDefinition[],
  ): Promise<ReadonlyMap<WrittenDefinition, AppError>> {
    const refusals = new Map<WrittenDefinition, AppError>();
    for (const written of documents) {
      const { definition } = written;
      if (definition.kind !== "Source") continue;
      const remote = definition.spec.git ?? definition.spec.oci;
      const stored = state.source(definition.metadata)?.definition.spec;
      const now = stored?.git ?? stored?.oci;
      if (remote?.credentials === undefined || (now?.url === remote.url && now.credentials === remote.credentials))
        continue;
      const use = { project: definition.metadata.project, url: remote.url };
      try {
        await deps.credentials.resolve(remote.credentials, use, { signal: withDeadline(CREDENTIAL_TIMEOUT_MS) });
      } catch (error) {
        if (isAppError(error, "forbidden")) refusals.set(written, error);
        else log.debug({ source: formatApp(nameOf(source)), err: error }, "a credential cannot be asked for now");
      }
    }
    return refusals;
  }

  /** Durable, because it allows deletions. */
  async function notePlace(key: string, place: DefinitionRead): Promise<void> {
    await state.definitionReads.write(key, (current) =>
      JSON.stringify(current) === JSON.stringify(place) ? null : place,
    );
  }

  function noteFailure(key: string, error: unknown): void {
    const message = `Definitions cannot be read: ${messageOf(error).slice(0, 1_500)}. What is in force stays, and it is tried again.`;
    const fix = error instanceof AppError && error.fix !== undefined ? { fix: error.fix } : {};
    known.set(key, {
      ...(known.get(key) ?? NOT_READ),
      problems: [{ code: "RepositoryUnreachable", message, where: {}, ...fix }],
    });
    state.notifyChange();
  }

  function tellLog(key: string, commit: string, plan: DefinitionPlan, conflicts: number): void {
    log.info({ source: key, commit, ...countsOf(plan), conflicts }, "definitions read");
  }

  /** Whatever may change a verdict wakes those that it is about. */
  function follow(): void {
    state.definitions.onChange((key, value, before) => {
      const stored = value ?? before;
      if (stored === null) return;
      if (stored.kind === "Source") {
        const definitions = (one: StoredDefinition | null) =>
          one?.kind === "Source" && !one.deleted ? JSON.stringify(one.definition.spec.definitions ?? null) : null;
        if (definitions(value) !== definitions(before) || (value?.changes ?? 0) !== (before?.changes ?? 0)) {
          judgeAnew(formatApp(nameOf(stored)));
        }
      }
      for (const owner of [value?.owner, before?.owner]) {
        const isHandedOver = value !== null && before !== null && !isSameOwner(value.owner, before.owner);
        if (isHandedOver && typeof owner === "object" && "source" in owner) judgeAnew(owner.source);
      }
      for (const [source, { claims }] of known) {
        if (claims.has(key)) judgeAnew(source);
      }
      if (stored.kind !== "Project") return;
      for (const source of known.keys())
        if (source.startsWith(`${stored.definition.metadata.name}/`)) judgeAnew(source);
    });
    state.clusters.onChange((_id, value, before) => {
      const labelsOf = (record: typeof value): string =>
        JSON.stringify(record === null ? null : [record.revoked === null, record.labels, record.labelOwners]);
      if (value === null || labelsOf(value) === labelsOf(before)) return;
      for (const [source, { clusters }] of known) if (clusters.has(value.name)) judgeAnew(source);
    });
  }

  return {
    start() {
      follow();
      for (const source of state.sources()) {
        if (source.definition.spec.definitions !== undefined) loop.wake(formatApp(nameOf(source)));
      }
      loop.start();
    },
    async stop() {
      later.stop();
      await loop.stop();
    },
    idle: () => loop.idle(),
    wake: (source) => loop.wake(formatApp(source)),
    of: (source) => {
      if (state.source(source)?.definition.spec.definitions === undefined) return null;
      const { commit, documents, problems } = known.get(formatApp(source)) ?? NOT_READ;
      return { commit, documents, problems };
    },
    claims: (source) => known.get(source)?.claims ?? new Map(),
  };
}

function placeOf(source: StoredSource): DefinitionRead {
  const { url, branch } = targetOf(source);
  return { uid: source.uid, url, branch, path: source.definition.spec.definitions?.path ?? "" };
}

const actorOf = (source: string, commit: string): Actor => ({
  kind: "hub",
  name: `Source ${source} (${commit.slice(0, 7)})`,
  from: null,
});

const withCommit = (problem: Problem, commit: string): Problem => ({ ...problem, where: { commit, ...problem.where } });
