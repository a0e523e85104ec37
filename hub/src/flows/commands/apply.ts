import { setImmediate as breathe } from "node:timers/promises";
import type { Clock } from "@muster/shared/clock.ts";
import { AppError, assertNever } from "@muster/shared/errors.ts";
import type { AppDefinition } from "@muster/shared/model/definitions/app.ts";
import type { ClusterDefinition } from "@muster/shared/model/definitions/cluster.ts";
import type { Definition } from "@muster/shared/model/definitions.ts";
import { type AppName, formatApp } from "@muster/shared/model/ids.ts";
import { parseDefinition } from "@muster/shared/model/parse-definition.ts";
import type { Labels } from "@muster/shared/model/selector.ts";
import { nearestName } from "@muster/shared/nearest-name.ts";
import { definitionKey, definitionName } from "../../core/documents/definition.ts";
import { API_OWNER } from "../../core/documents/owner.ts";
import { labelConflict, type OwnedLabels, replaceLabels } from "../../core/own-labels.ts";
import { place } from "../../core/placement.ts";
import type { ProjectRules } from "../../core/policy.ts";
import type { ApplyResult } from "../../core/views.ts";
import { selectedBy } from "../../core/wanted.ts";
import type { Actor } from "../../ports/hub-commands.ts";
import type { RemovalBrake } from "../brake-removals.ts";
import { isOwnerThere, refuseOtherOwner, writeDefinition } from "../definitions/write-definition.ts";
import type { HubState } from "../hub-state.ts";
import { removalsBy } from "./preview-removals.ts";
import { refuseForbidden, rulesAfter } from "./refuse-forbidden.ts";
import { relabelCluster } from "./relabel-cluster.ts";

/** Definitions written at once. */
const WRITES_MAX = 32;

type Result = ApplyResult["results"][number];

/**
 * Definitions from people. All of them are read before any is written, so a mistake in the last changes nothing; each
 * is its own durable write. @throws AppError "invalid" with every problem of every document, "forbidden" with what their
 * Projects do not allow, "not-found" for a Cluster that nobody registered.
 */
export async function applyDefinitions(
  deps: {
    state: HubState;
    clock: Clock;
    newId: () => string;
    brake: Pick<RemovalBrake, "preview">;
    requireProjects: boolean;
  },
  actor: Actor,
  values: readonly unknown[],
  opts: ApplyOptions,
): Promise<ApplyResult> {
  const parsed = parseAll(values);
  const by = { actor, owner: API_OWNER } as const;
  for (const definition of parsed) {
    refuseUnregistered(deps.state, definition);
    refuseOthers(deps.state, definition, opts);
  }
  const rulesOf = rulesAfter(deps.state, parsed);
  refuseForbidden(deps.state, parsed, { rulesOf, requireProjects: deps.requireProjects });
  // Counted before it is done: afterwards it is under way already.
  const waits = deps.brake.preview(removalsBy(deps.state, parsed));
  const results: Result[] = [];
  // Those of one group share their fsync: a thousand Apps one by one would outlast the call's deadline on a slow disk.
  for (let from = 0; from < parsed.length; from += WRITES_MAX) {
    const group = parsed.slice(from, from + WRITES_MAX);
    results.push(
      ...(await Promise.all(group.map((definition) => applyOne({ ...deps, rulesOf }, by, definition, opts)))),
    );
    // Each was compared with every cluster: others get their turn.
    await breathe();
  }
  const warnings = warningsOf(deps.state, parsed, rulesOf);
  const told = { ...(waits === null ? {} : { waits }), ...(warnings.length === 0 ? {} : { warnings }) };
  return { results, dryRun: opts.dryRun, ...told };
}

const WARNINGS_MAX = 50;

/** An App may be applied before its Source or its clusters, so neither is refused; but it would wait in silence. */
function warningsOf(
  state: HubState,
  definitions: readonly Definition[],
  rulesOf: (project: string) => ProjectRules,
): string[] {
  const sources = new Set([...state.sources()].map((stored) => formatApp(stored.definition.metadata)));
  for (const definition of definitions) {
    if (definition.kind === "Source") sources.add(formatApp(definition.metadata));
  }
  const active = clustersAfter(state, definitions);
  const warnings = definitions.flatMap((definition) => {
    if (definition.kind !== "App") return [];
    const { metadata, spec } = definition;
    const app = formatApp(metadata);
    const wanted = formatApp({ project: metadata.project, name: spec.source.name });
    return [
      ...(sources.has(wanted) ? [] : [unknownSource(app, metadata.project, spec.source.name, sources)]),
      ...noClusters(definition, active, rulesOf(metadata.project)),
    ];
  });
  return warnings.slice(0, WARNINGS_MAX);
}

/** An App that is placed nowhere waits in silence, too. */
function noClusters(
  { metadata, spec }: AppDefinition,
  active: ReturnType<typeof clustersAfter>,
  rules: ProjectRules,
): string[] {
  const app = formatApp(metadata);
  const suspended = rules?.suspended
    ? [`App ${app} gets no Release while the Project ${metadata.project} is suspended.`]
    : [];
  const selected = place(spec.clusters, active);
  if (selected.length === 0) {
    const reason = `its selector (spec.clusters) matches none of the ${active.length} there are`;
    return [...suspended, `App ${app} goes to 0 clusters: ${reason}.`];
  }
  if (selected.some(selectedBy({ spec }, rules))) return suspended;
  const reason = `the Project ${metadata.project} has none of the ${selected.length} that it selects`;
  return [...suspended, `App ${app} goes to 0 clusters: ${reason}.`];
}

function unknownSource(app: string, project: string, source: string, sources: ReadonlySet<string>): string {
  const own = [...sources]
    .filter((name) => name.startsWith(`${project}/`))
    .map((name) => name.slice(project.length + 1));
  const nearest = nearestName(source, own);
  const hint = nearest === null ? "" : ` Did you mean ${nearest}?`;
  return `App ${app} names the Source "${source}", which is not in project ${project}; it waits until there is one.${hint}`;
}

/** With the labels that these definitions give them: a dry run and the run itself must warn alike. */
function clustersAfter(
  state: HubState,
  definitions: readonly Definition[],
): { name: string; labels: Readonly<Record<string, string>> }[] {
  const given = new Map(
    definitions.flatMap(({ kind, metadata }) =>
      kind === "Cluster" ? [[metadata.name, metadata.labels ?? {}] as const] : [],
    ),
  );
  return [...state.clusters.values()]
    .filter((record) => record.revoked === null)
    .map(({ name, labels }) => ({ name, labels: given.get(name) ?? labels }));
}

function parseAll(values: readonly unknown[]): readonly Definition[] {
  const problems: string[] = [];
  const definitions = values.flatMap((value, index) => {
    const result = parseDefinition(value);
    if (result.kind === "valid") return [result.definition];
    const { kind, metadata } = (value ?? {}) as { kind?: unknown; metadata?: { name?: unknown } };
    const what = typeof kind === "string" ? ` (${kind} ${String(metadata?.name ?? "without a name")})` : "";
    problems.push(...result.problems.map(({ message }) => `document ${index + 1}${what}: ${message}`));
    return [];
  });
  if (problems.length === 0) return definitions;
  throw new AppError("invalid", problems.slice(0, 20).join("\n"), {
    fix: "Nothing was changed. Correct the documents and apply them again.",
  });
}

function refuseUnregistered(state: HubState, definition: Definition): void {
  if (definition.kind !== "Cluster" || isActive(state, definition.metadata.name)) return;
  const { name } = definition.metadata;
  throw new AppError("not-found", `There is no cluster ${name}. Nothing was changed.`, {
    fix: `A cluster joins by registering it: muster cluster register ${name}`,
  });
}

/** Whose they are, is asked of all before any is written. */
function refuseOthers(state: HubState, definition: Definition, opts: ApplyOptions): void {
  if (definition.kind === "Cluster") {
    const record = state.clusterByName(definition.metadata.name);
    if (record !== null) apiLabels(state, record.name, definition.metadata.labels ?? {})(record);
    return;
  }
  refuseOtherOwner(state, state.definitions.get(definitionKey(definition)), API_OWNER, opts);
}

const isActive = (state: HubState, name: string): boolean => {
  const record = state.clusterByName(name);
  return record !== null && record.revoked === null;
};

async function applyOne(deps: Deps, by: By, definition: Definition, opts: ApplyOptions): Promise<Result> {
  switch (definition.kind) {
    case "App":
      return applyApp(deps, by, definition, opts);
    case "Cluster":
      return applyCluster(deps, by.actor, definition, opts.dryRun);
    case "Source":
    case "AppSet":
    case "Project": {
      const outcome = await writeDefinition(deps, by, definition, opts);
      return { kind: definition.kind, name: definitionName(definition), outcome, gains: [], loses: [] };
    }
    default:
      return assertNever(definition);
  }
}

type Deps = Parameters<typeof applyDefinitions>[0] & { rulesOf: (project: string) => ProjectRules };
type By = Parameters<typeof writeDefinition>[1];
/** `takeOver`: also what belongs to an owner that is not there any more. */
export type ApplyOptions = { readonly dryRun: boolean; readonly takeOver?: boolean };

async function applyApp(deps: Deps, by: By, definition: AppDefinition, opts: ApplyOptions): Promise<Result> {
  const { state } = deps;
  const name: AppName = definition.metadata;
  const before = state.app(name);
  const active = [...state.clusters.values()].filter((record) => record.revoked === null);
  const named = (of: AppDefinition, rules: ProjectRules): Set<string> =>
    new Set(active.filter(selectedBy(of, rules)).map((cluster) => cluster.name));
  const had = before === null ? new Set<string>() : named(before.definition, state.rulesOf(name.project));
  const has = named(definition, deps.rulesOf(name.project));
  const loses = [...had].filter((cluster) => !has.has(cluster)).sort();
  return {
    kind: "App",
    name: formatApp(name),
    outcome: await writeDefinition(deps, by, definition, opts),
    gains: [...has].filter((cluster) => !had.has(cluster)).sort(),
    loses,
    ...(loses.length === 0 ? {} : { deletes: definition.spec.onUnplaced.action === "delete" }),
  };
}

/** A Cluster's definition holds its labels: those it names are the API's labels of the cluster from now on. */
async function applyCluster(deps: Deps, actor: Actor, definition: ClusterDefinition, dryRun: boolean): Promise<Result> {
  const { name, labels = {} } = definition.metadata;
  const record = deps.state.clusterByName(name);
  if (record === null) return { kind: "Cluster", name, outcome: "unchanged", gains: [], loses: [] };
  const labelsOf = apiLabels(deps.state, name, labels);
  const { isSame, gains, loses, deletes } = await relabelCluster(deps, actor, record, labelsOf, { dryRun });
  return {
    kind: "Cluster",
    name,
    outcome: isSame ? "unchanged" : "changed",
    gains: gains.length > 0 ? [name] : [],
    loses: loses.length > 0 ? [name] : [],
    ...(deletes === undefined ? {} : { deletes }),
  };
}

/** @throws AppError "conflict" for a key that is another owner's. */
function apiLabels(state: HubState, cluster: string, set: Labels): (current: OwnedLabels) => OwnedLabels {
  return (current) => {
    const { conflicts, ...labels } = replaceLabels(current, API_OWNER, set, (owner) => isOwnerThere(state, owner));
    const [conflict] = conflicts;
    if (conflict !== undefined) throw labelConflict(cluster, conflict, API_OWNER);
    return labels;
  };
}
