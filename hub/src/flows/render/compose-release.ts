import { createHash } from "node:crypto";
import type { Instant } from "@muster/shared/clock.ts";
import type { AppSpec } from "@muster/shared/model/definitions/app.ts";
import { stableJson } from "@muster/shared/stable-json.ts";
import { gitOf, type StoredApp } from "../../core/documents/definition.ts";
import {
  hasSameOptions,
  hasSamePolicy,
  type Release,
  type ReleaseOptions,
  type VariantEntry,
  type VariantTable,
} from "../../core/documents/release.ts";
import { renderSpecOf } from "../../core/variants.ts";
import type { Steering } from "../project-gate.ts";
import type { ClusterContent } from "./release-contents.ts";
import type { RenderOrigin } from "./render-inputs.ts";
import type { RenderedApp } from "./render-variants.ts";
import { variantsOf } from "./variants-of.ts";

/** What a render gave, as a Release would hold it. */
export interface Composed {
  readonly release: Omit<Release, "number" | "cause" | "created" | "held" | "audit">;
  /** To be stored before the Release is; null where all clusters get the same. */
  readonly table: { readonly name: string; readonly bytes: Uint8Array; readonly value: VariantTable } | null;
}

export function composeRelease(
  app: StoredApp,
  { source, revision, others }: RenderOrigin,
  rendered: RenderedApp,
  { tree, charts, steering }: { tree: string; charts: Release["input"]["charts"]; steering: Steering },
): Composed {
  const { spec } = app.definition;
  const { url, ref } = gitOf(source);
  const [first] = rendered.variants;
  const one = rendered.isUniform ? first : undefined;
  const table = one === undefined ? tableOf(rendered) : null;
  return {
    table,
    release: {
      app: app.uid,
      input: {
        repository: url,
        branch: ref.branch,
        commit: revision.commit,
        revision: revision.number,
        subject: revision.subject,
        author: revision.author,
        committedAt: revision.committedAt,
        path: spec.source.path,
        tree,
        renderer: first?.outcome.renderer ?? { kind: "plain", version: "" },
        others: [...others],
        charts,
        spec: renderSpecOf(spec),
        references: [...rendered.references],
        cover: one === undefined ? [] : one.entry.cover,
        closure: one === undefined ? null : one.entry.closure,
      },
      options: { ...optionsOf(spec, one?.entry.namespace), ...steering },
      bundle: one?.entry.bundle ?? null,
      table:
        table === null
          ? null
          : { blob: table.name, variants: table.value.variants.length, clusters: rendered.targets.size },
    },
  };
}

const optionsOf = ({ destination, sync }: AppSpec, namespace: string | undefined): ReleaseOptions => ({
  destination: { ...destination, namespace: namespace ?? destination.namespace },
  sync,
});

function tableOf({ variants, targets }: RenderedApp): Composed["table"] {
  const value: VariantTable = {
    variants: variants.map(({ entry }) => entry),
    targets: Object.fromEntries([...targets].sort(([a], [b]) => (a < b ? -1 : 1))),
  };
  const bytes = new TextEncoder().encode(stableJson(value));
  return { name: `variants:sha256:${createHash("sha256").update(bytes).digest("hex")}`, bytes, value };
}

/** The variants of a Release with what was read for each; none of one that was made before that was noted. */
export function variantsIn(release: Release, table: VariantTable | null): readonly VariantEntry[] {
  if (table !== null) return table.variants;
  const { spec, references, closure, cover } = release.input;
  if (spec === null) return [];
  const resolved = variantsOf(spec, references)(null);
  if (resolved.kind === "invalid") return [];
  const { namespace } = release.options.destination;
  return [{ key: resolved.variant.key, namespace, bundle: release.bundle, closure, cover }];
}

/**
 * Whether every cluster gets from the latest Release what this render would give it. A cluster that the latest does not
 * have rendered counts as the same only if its frozen inputs are these.
 */
export function isSameAs(
  { release: next, table: made }: Composed,
  latest: Release,
  contents: ReadonlyMap<string, ClusterContent>,
): boolean {
  if (!hasSameOptions(next, latest)) return false;
  const table = made?.value ?? null;
  if (table === null) {
    return (
      latest.bundle?.digest === next.bundle?.digest &&
      latest.options.destination.namespace === next.options.destination.namespace
    );
  }
  const hasSameInputs =
    latest.input.commit === next.input.commit && stableJson(latest.input.spec) === stableJson(next.input.spec);
  // Who joins later gets what the Release in force says: another rule for them is another Release, and so is the first.
  if (latest.bundle !== null || stableJson(latest.input.spec) !== stableJson(next.input.spec)) return false;
  return Object.entries(table.targets).every(([cluster, index]) => {
    const wanted = table.variants[index];
    const content = contents.get(cluster);
    if (content?.kind !== "rendered") return hasSameInputs;
    return content.bundle.digest === wanted?.bundle?.digest && content.namespace === wanted?.namespace;
  });
}

/** Why there is a new Release. */
export function causeOf(
  { release: next }: Composed,
  latest: Release | null,
  { before, after }: { before: readonly VariantEntry[]; after: readonly VariantEntry[] },
): Release["cause"] {
  const { commit, subject } = next.input;
  const fromCommit = { kind: "commit", detail: `${commit.slice(0, 7)} ${subject}`.slice(0, 300) } as const;
  if (latest === null) return fromCommit;
  const closures = new Map(before.map(({ key, closure }) => [key, closure]));
  const hasNewContent = after.some(({ key, closure }) => closures.has(key) && closures.get(key) !== closure);
  const isNewSpec = latest.input.spec !== null && stableJson(latest.input.spec) !== stableJson(next.input.spec);
  if (isNewSpec || !hasSameOptions(next, latest)) {
    if (hasNewContent) return fromCommit;
    const isByProject = !isNewSpec && !hasSamePolicy(next, latest);
    return { kind: "definition", detail: isByProject ? "the Project's rules changed" : "the App's definition changed" };
  }
  if (stableJson(latest.input.charts) !== stableJson(next.input.charts)) {
    const charts = next.input.charts.map(({ name, version }) => `${name} ${version}`).join(", ");
    return { kind: "chart", detail: charts.slice(0, 300) };
  }
  if (hasNewContent || latest.input.spec === null || latest.table === null) {
    const isOnlyRenderer =
      !hasNewContent && latest.input.spec !== null && latest.input.renderer.version !== next.input.renderer.version;
    return isOnlyRenderer
      ? { kind: "renderer", detail: `${latest.input.renderer.version} → ${next.input.renderer.version}` }
      : fromCommit;
  }
  if (latest.input.renderer.version !== next.input.renderer.version) {
    return { kind: "renderer", detail: `${latest.input.renderer.version} → ${next.input.renderer.version}` };
  }
  return latest.input.commit === commit
    ? { kind: "cluster", detail: "labels or facts of clusters changed what they get" }
    : fromCommit;
}

/** A Release's age is when it was made; whether it goes out at once is decided with it. */
export const finish = (
  { release }: Composed,
  { number, cause, now }: { number: number; cause: Release["cause"]; now: Instant },
): Release => ({ ...release, number, cause, created: now, held: cause.kind === "renderer", audit: [] });
