import type { Clock } from "@muster/shared/clock.ts";
import { isAppError, messageOf } from "@muster/shared/errors.ts";
import type { Log } from "@muster/shared/log.ts";
import { type AppName, type CommitId, formatApp } from "@muster/shared/model/ids.ts";
import type { Problem } from "@muster/shared/model/problem.ts";
import type { ExpandedApp } from "../../core/app-set/expand.ts";
import { planAppSet } from "../../core/app-set/plan-app-set.ts";
import { labelValues } from "../../core/app-set/select-items.ts";
import {
  appKey,
  appSetKey,
  nameOf,
  type StoredApp,
  type StoredAppSet,
  type StoredSource,
} from "../../core/documents/definition.ts";
import type { Owner } from "../../core/documents/owner.ts";
import { isAbout } from "../../core/source-progress.ts";
import type { Actor } from "../../ports/hub-commands.ts";
import type { HubMetrics } from "../../ports/metrics.ts";
import type { SourceTree } from "../../ports/source-tree.ts";
import { targetOf } from "../git-remotes.ts";
import type { HubState } from "../hub-state.ts";
import { KeyedLoop } from "../keyed-loop.ts";
import { type FoundItems, findItems, searchedFolder } from "./find-items.ts";
import { inGroups } from "./in-groups.ts";
import { deleteAppAs, writeDefinition } from "./write-definition.ts";

const SETS_AT_ONCE_MAX = 4;
const PROBLEMS_MAX = 20;

export interface AppSetKeeper {
  start(): void;
  stop(): Promise<void>;
  idle(): Promise<void>;
  /** A Source's Revision is another. */
  revisionFound(source: AppName): void;
  problemsOf(set: AppName): readonly Problem[];
  /** Keys of Apps that the set gives and may not have, because they are another's, with the item of each. */
  claims(set: string): ReadonlyMap<string, string>;
}

export interface KeepAppSetsDeps {
  readonly state: HubState;
  readonly openTree: (source: StoredSource, revision: CommitId) => Promise<SourceTree>;
  readonly newId: () => string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly metrics: HubMetrics;
  readonly log: Log;
}

interface Known {
  readonly problems: readonly Problem[];
  readonly claims: ReadonlyMap<string, string>;
  /** Of the definition that they were made by. */
  readonly changes: number | null;
  /** What the items were found in: a folder of this object id has the same. */
  readonly found: { readonly in: string; readonly items: FoundItems } | null;
}

const NOTHING: Known = { problems: [], claims: new Map(), changes: null, found: null };

/**
 * AppSet + what its generator finds → Apps that it owns. Woken by its definition, its Source's Revision or the clusters'
 * labels. A deleted AppSet stays, marked, until none of its Apps is defined any more, so that a kill in between loses
 * nothing.
 */
export function keepAppSets(deps: KeepAppSetsDeps): AppSetKeeper {
  const { state, clock, log } = deps;
  const known = new Map<string, Known>();
  /** Sets of which more than what is found may be another: their Apps are compared in any case. */
  const unsettled = new Set<string>();
  const compareAnew = (set: string): void => {
    unsettled.add(set);
    loop.wake(set);
  };
  const loop: KeyedLoop = new KeyedLoop({
    name: "keep app sets",
    concurrencyMax: SETS_AT_ONCE_MAX,
    clock,
    random: deps.random,
    log,
    onFailure: () => deps.metrics.count("work-failures"),
    work: async (key, signal) => {
      const stored = state.definitions.get(appSetKey(split(key)));
      if (stored?.kind !== "AppSet") {
        known.delete(key);
        return;
      }
      try {
        if (stored.deleted) await removeApps(key, stored, signal);
        else await keepOne(key, stored, signal);
      } catch (error) {
        unsettled.add(key);
        if (!signal.aborted) {
          const message = `Its items cannot be looked for: ${messageOf(error).slice(0, 1_500)}. Its Apps stay as they are, and it is tried again.`;
          tell(key, {
            ...(known.get(key) ?? NOTHING),
            problems: [{ code: "RepositoryUnreachable", message, where: {} }],
          });
        }
        throw error;
      }
    },
  });

  function tell(key: string, status: Known): void {
    known.set(key, status);
    state.notifyChange();
  }

  const ownedBy = (key: string): { app: StoredApp; item: string }[] =>
    [...state.apps()].flatMap((app) =>
      typeof app.owner === "object" && "appSet" in app.owner && app.owner.appSet === key
        ? [{ app, item: app.owner.item }]
        : [],
    );

  async function keepOne(key: string, set: StoredAppSet, signal: AbortSignal): Promise<void> {
    const before = known.get(key) ?? NOTHING;
    const found = await itemsOf(set, before);
    if (signal.aborted) return;
    if ("code" in found) {
      unsettled.add(key);
      tell(key, { ...before, problems: [found] });
      return;
    }
    if (found === before.found && before.changes === set.changes && !unsettled.has(key)) return;
    unsettled.delete(key);
    const { items, unread } = found.items;
    const plan = planAppSet({ set, items, unread, owned: ownedBy(key) });
    const by = { kind: "hub", name: `AppSet ${key}`, from: null } as const;
    const problems: Problem[] = [...plan.problems];
    const claims = new Map<string, string>();
    await inGroups(plan.writes, signal, async (app) => {
      const problem = await storeApp(key, by, app, claims);
      if (problem !== null) problems.push(problem);
    });
    // Made anew meanwhile, or changed: what it is to delete is then decided again.
    if (state.appSet(nameOf(set))?.changes !== set.changes) return;
    await inGroups(plan.deletions, signal, (app) => deleteAppAs(deps, { actor: by }, app));
    tell(key, {
      problems: problems.slice(0, PROBLEMS_MAX),
      claims,
      changes: set.changes,
      found: found.in === null ? null : { in: found.in, items: found.items },
    });
    const counts = { apps: plan.writes.length, deletions: plan.deletions.length, problems: problems.length };
    log.info({ appSet: key, ...counts }, "apps of an app set kept");
  }

  async function storeApp(
    key: string,
    actor: Actor,
    { definition, origin }: ExpandedApp,
    claims: Map<string, string>,
  ): Promise<Problem | null> {
    const owner: Owner = { appSet: key, item: origin.item.slice(0, 1_200) };
    try {
      await writeDefinition(deps, { actor, owner }, definition);
      return null;
    } catch (error) {
      const isConflict = isAppError(error, "conflict") && error.fix !== undefined;
      if (!isConflict && !isAppError(error, "invalid")) throw error;
      if (isConflict) claims.set(appKey(definition.metadata), owner.item);
      const code = isConflict ? "OwnerConflict" : "DefinitionInvalid";
      const fix = error.fix === undefined ? {} : { fix: error.fix };
      return {
        code,
        message: `${origin.item}: ${error.message}`,
        where: { field: "spec.template.metadata.name" },
        ...fix,
      };
    }
  }

  async function removeApps(key: string, set: StoredAppSet, signal: AbortSignal): Promise<void> {
    const actor: Actor = { kind: "hub", name: `AppSet ${key} (deleted)`, from: null };
    await inGroups(ownedBy(key), signal, async ({ app }) => {
      // Made again meanwhile, it keeps its Apps.
      if (state.definitions.get(appSetKey(nameOf(set)))?.deleted) await deleteAppAs(deps, { actor }, app);
    });
    tell(key, NOTHING);
  }

  /** What the generator finds now, or why that cannot be said. */
  async function itemsOf(
    set: StoredAppSet,
    before: Known,
  ): Promise<{ in: string | null; items: FoundItems } | Problem> {
    const { directories, files, clusterLabel } = set.definition.spec.generator;
    if (clusterLabel !== undefined) {
      const active = [...state.clusters.values()].filter(({ revoked }) => revoked === null);
      const values = labelValues(clusterLabel.key, active);
      return { in: null, items: { items: values.map((value) => ({ kind: "label", value })), unread: [] } };
    }
    const generator = directories ?? files;
    if (generator === undefined) throw new Error(`AppSet ${formatApp(nameOf(set))} has no generator`);
    const name = { project: nameOf(set).project, name: generator.source };
    const source = state.source(name);
    if (source === null) return sourceMissing(set, formatApp(name));
    const status = state.sourceStatuses.get(formatApp(name));
    if (status?.revision == null || !isAbout(status, targetOf(source))) return noRevision(formatApp(name));
    const tree = await deps.openTree(source, status.revision.commit);
    const folder = await tree.entry(searchedFolder(generator));
    const kind = directories === undefined ? "file" : "directory";
    const place = JSON.stringify([source.uid, generator, kind, folder?.oid ?? null]);
    if (before.found?.in === place) return before.found;
    const items = await findItems(kind, generator, tree);
    return "code" in items ? items : { in: place, items };
  }

  function follow(): void {
    state.definitions.onChange((key, value, before) => {
      const stored = value ?? before;
      if (stored === null) return;
      if (stored.kind === "AppSet") compareAnew(formatApp(nameOf(stored)));
      // A Source that appears, or an App that is given free or handed over, may be what a set waits for.
      if (stored.kind === "Source" && before === null) wakeSetsOf(nameOf(stored));
      if (stored.kind !== "App") return;
      for (const [set, { claims }] of known) if (claims.has(key)) compareAnew(set);
      for (const owner of [value?.owner, before?.owner]) {
        const isOther =
          JSON.stringify(value?.owner) !== JSON.stringify(before?.owner) || value?.deleted !== before?.deleted;
        if (isOther && value !== null && before !== null && typeof owner === "object" && "appSet" in owner)
          compareAnew(owner.appSet);
      }
    });
    const labels = (record: { labels: object; revoked: unknown } | null): string =>
      record === null || record.revoked !== null ? "" : JSON.stringify(record.labels);
    state.clusters.onChange((_id, value, before) => {
      if (labels(value) === labels(before)) return;
      for (const set of state.appSets()) {
        if (set.definition.spec.generator.clusterLabel !== undefined) compareAnew(formatApp(nameOf(set)));
      }
    });
  }

  function wakeSetsOf({ project, name }: AppName): void {
    for (const set of state.appSets()) {
      const { directories, files } = set.definition.spec.generator;
      if (nameOf(set).project === project && (directories ?? files)?.source === name) loop.wake(formatApp(nameOf(set)));
    }
  }

  return {
    start() {
      follow();
      for (const set of state.appSets()) loop.wake(formatApp(nameOf(set)));
      loop.start();
    },
    stop: () => loop.stop(),
    idle: () => loop.idle(),
    revisionFound: wakeSetsOf,
    problemsOf: (set) => known.get(formatApp(set))?.problems ?? [],
    claims: (set) => known.get(set)?.claims ?? new Map(),
  };
}

function split(key: string): AppName {
  const [project = "", name = ""] = key.split("/");
  return { project, name };
}

const sourceMissing = (set: StoredAppSet, source: string): Problem => ({
  code: "SourceNotFound",
  message: `There is no Source ${source}. The Apps of AppSet ${formatApp(nameOf(set))} stay as they are.`,
  where: { field: "spec.generator" },
  fix: "Name a Source of the AppSet's own Project, or apply it.",
});

const noRevision = (source: string): Problem => ({
  code: "NoRevision",
  message: `Source ${source} has no Revision yet: nothing can be looked for in it. Apps stay as they are.`,
  where: { field: "spec.generator" },
  fix: `See why: muster get source ${source}`,
});
