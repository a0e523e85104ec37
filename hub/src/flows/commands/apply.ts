import type { Clock } from "@muster/shared/clock.ts";
import { AppError, assertNever } from "@muster/shared/errors.ts";
import type {
  AppDefinition,
  ClusterDefinition,
  Definition,
  SourceDefinition,
} from "@muster/shared/model/definitions.ts";
import { type AppName, type AppUid, formatApp } from "@muster/shared/model/ids.ts";
import { parseDefinition } from "@muster/shared/model/parse-definition.ts";
import { withAudit } from "../../core/cluster-record.ts";
import type { AuditEntry } from "../../core/documents/audit-entry.ts";
import { appKey, type StoredDefinition, sourceKey } from "../../core/documents/definition.ts";
import { place } from "../../core/placement.ts";
import type { ApplyResult } from "../../core/views.ts";
import type { Actor } from "../../ports/hub-commands.ts";
import type { HubState } from "../hub-state.ts";

/** Definitions written at once. */
const WRITES_MAX = 32;

type Result = ApplyResult["results"][number];

/**
 * Definitions from people. All of them are read before any is written, so a mistake in the last changes nothing; each
 * is its own durable write. @throws AppError "invalid" with every problem of every document, "not-found" for a Cluster
 * that nobody registered.
 */
export async function applyDefinitions(
  deps: { state: HubState; clock: Clock; newId: () => string },
  actor: Actor,
  values: readonly unknown[],
  opts: { dryRun: boolean },
): Promise<ApplyResult> {
  const parsed = parseAll(values);
  for (const definition of parsed) refuseUnregistered(deps.state, definition);
  const results: Result[] = [];
  // Those of one group share their fsync: a thousand Apps one by one would outlast the call's deadline on a slow disk.
  for (let from = 0; from < parsed.length; from += WRITES_MAX) {
    const group = parsed.slice(from, from + WRITES_MAX);
    results.push(...(await Promise.all(group.map((definition) => applyOne(deps, actor, definition, opts.dryRun)))));
  }
  return { results, dryRun: opts.dryRun };
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

const isActive = (state: HubState, name: string): boolean => {
  const record = state.clusterByName(name);
  return record !== null && record.revoked === null;
};

function applyOne(deps: Deps, actor: Actor, definition: Definition, dryRun: boolean): Promise<Result> {
  switch (definition.kind) {
    case "App":
      return applyApp(deps, actor, definition, dryRun);
    case "Source":
      return applySource(deps, actor, definition, dryRun);
    case "Cluster":
      return applyCluster(deps, actor, definition, dryRun);
    default:
      return assertNever(definition);
  }
}

type Deps = Parameters<typeof applyDefinitions>[0];

async function applyApp(deps: Deps, actor: Actor, definition: AppDefinition, dryRun: boolean): Promise<Result> {
  const { state } = deps;
  const name: AppName = definition.metadata;
  const before = state.app(name);
  const active = [...state.clusters.values()].filter((record) => record.revoked === null);
  const had = new Set(before === null ? [] : place(before.definition.spec.clusters, active).map((one) => one.name));
  const has = new Set(place(definition.spec.clusters, active).map((one) => one.name));
  const outcome = await store(deps, actor, appKey(name), definition, dryRun, (current, common) => ({
    kind: "App",
    // Deleted and made again: another App, which shares nothing with the one before but its name.
    uid: current?.kind === "App" && !current.deleted ? current.uid : (deps.newId() as AppUid),
    definition,
    ...common,
  }));
  return {
    kind: "App",
    name: formatApp(name),
    outcome,
    gains: [...has].filter((cluster) => !had.has(cluster)).sort(),
    loses: [...had].filter((cluster) => !has.has(cluster)).sort(),
  };
}

async function applySource(deps: Deps, actor: Actor, definition: SourceDefinition, dryRun: boolean): Promise<Result> {
  const name: AppName = definition.metadata;
  const outcome = await store(deps, actor, sourceKey(name), definition, dryRun, (current, common) => ({
    kind: "Source",
    uid: current?.kind === "Source" && !current.deleted ? current.uid : deps.newId(),
    definition,
    ...common,
  }));
  return { kind: "Source", name: formatApp(name), outcome, gains: [], loses: [] };
}

type Common = Pick<StoredDefinition, "owner" | "changes" | "created" | "changed" | "deleted" | "audit">;

async function store(
  { state, clock }: Deps,
  actor: Actor,
  key: string,
  definition: AppDefinition | SourceDefinition,
  dryRun: boolean,
  make: (current: StoredDefinition | null, common: Common) => StoredDefinition,
): Promise<Result["outcome"]> {
  let outcome: Result["outcome"] = "unchanged";
  const change = (current: StoredDefinition | null): StoredDefinition | null => {
    const isThere = current !== null && !current.deleted;
    if (isThere && isEqual(current.definition, definition)) {
      outcome = "unchanged";
      return null;
    }
    outcome = isThere ? "changed" : "created";
    const now = clock.now();
    const changes = (current?.changes ?? 0) + 1;
    const next = make(current, {
      owner: "api",
      changes,
      created: isThere ? current.created : now,
      changed: now,
      deleted: false,
      audit: current?.audit ?? [],
    });
    const entry: AuditEntry = {
      id: `definition.${next.uid}.${changes}`,
      at: now,
      actor,
      action: isThere ? "DefinitionChanged" : "DefinitionCreated",
      subject: key.replace("/", " "),
      detail: `${isThere ? "changed" : "created"} ${next.kind} ${formatApp(definition.metadata)}`,
    };
    return { ...next, audit: [...next.audit, entry] };
  };
  if (dryRun) change(state.definitions.get(key));
  else await state.definitions.write(key, change);
  return outcome;
}

/** Both went through the same schema, so equal content has equal text but for the order in which labels were written. */
const isEqual = (one: unknown, other: unknown): boolean => sorted(one) === sorted(other);
const sorted = (value: unknown): string =>
  JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );

/** A Cluster's definition holds its labels: those it names are the cluster's labels from now on. */
async function applyCluster(
  { state, clock }: Deps,
  actor: Actor,
  definition: ClusterDefinition,
  dryRun: boolean,
): Promise<Result> {
  const { name } = definition.metadata;
  const labels = definition.metadata.labels ?? {};
  const record = state.clusterByName(name);
  const apps = [...state.apps()];
  const wants = (with_: typeof labels): Set<string> =>
    new Set(
      apps
        .filter((app) => place(app.definition.spec.clusters, [{ name, labels: with_ }]).length > 0)
        .map((app) => formatApp(app.definition.metadata)),
    );
  const [had, has] = [wants(record?.labels ?? {}), wants(labels)];
  const isSame = record !== null && isEqual(record.labels, labels);
  if (!dryRun && record !== null && !isSame) {
    await state.clusters.write(record.id, (current) =>
      current === null || isEqual(current.labels, labels)
        ? null
        : withAudit(
            { ...current, labels },
            {
              at: clock.now(),
              actor,
              action: "ClusterLabelled",
              detail: `labels of ${name} are ${JSON.stringify(labels)}`.slice(0, 2_000),
            },
          ),
    );
  }
  const differs = [...had].some((app) => !has.has(app)) || [...has].some((app) => !had.has(app));
  return {
    kind: "Cluster",
    name,
    outcome: isSame ? "unchanged" : "changed",
    gains: differs && has.size > had.size ? [name] : [],
    loses: differs && has.size < had.size ? [name] : [],
  };
}
