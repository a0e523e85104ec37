import { AppError } from "@muster/shared/errors.ts";
import type { ClusterId, Digest } from "@muster/shared/model/ids.ts";
import {
  type LateVariant,
  lateVariantKey,
  type Release,
  type VariantTable,
  variantTable,
} from "../../core/documents/release.ts";
import type { VariantContent } from "../../core/plan-rollout.ts";
import type { Variant, VariantCluster } from "../../core/variants.ts";
import type { Blobs } from "../../ports/store.ts";
import { variantsOf } from "./variants-of.ts";

const TABLES_MAX = 64;

/** What a cluster gets of a Release: a bundle, or one that is still to be rendered. */
export type ClusterContent =
  | ({ readonly kind: "rendered" } & VariantContent)
  | { readonly kind: "missing"; readonly variant: Variant }
  /** Its variant cannot be told: a variable has no value for this cluster. */
  | { readonly kind: "invalid"; readonly message: string };

export interface ReleaseContents {
  /** For every cluster asked about. */
  of(release: Release, clusters: Iterable<VariantCluster>): Promise<ReadonlyMap<ClusterId, ClusterContent>>;
  /** Which bundle a cluster gets, as far as it is known without reading anything. */
  peek(release: Release): (cluster: VariantCluster) => Digest | null;
  /** Null for a Release whose clusters all get the same. */
  tableOf(release: Release): Promise<VariantTable | null>;
}

/**
 * Reads what Releases hold. Which cluster got what is frozen into a Release; a cluster that came later, or whose
 * variant had no bundle yet, is answered from the Release's frozen inputs and from what was rendered of them since.
 */
export function createReleaseContents(deps: {
  blobs: Pick<Blobs, "get">;
  lateVariants: { get(key: string): LateVariant | null };
}): ReleaseContents {
  const tables = new Map<string, VariantTable>();

  async function tableOf(release: Release): Promise<VariantTable | null> {
    if (release.table === null) return null;
    const { blob } = release.table;
    const known = tables.get(blob);
    if (known) return known;
    const bytes = await deps.blobs.get(blob);
    if (bytes === null) throw new AppError("corrupt", `the table of variants of r${release.number} is gone (${blob})`);
    const table = variantTable.parse(JSON.parse(new TextDecoder().decode(bytes)));
    tables.set(blob, table);
    const [oldest] = tables.keys();
    if (tables.size > TABLES_MAX && oldest !== undefined) tables.delete(oldest);
    return table;
  }

  /** One look at a table, for many clusters. */
  function readerOf({ app, number, input }: Release, table: VariantTable): (cluster: VariantCluster) => ClusterContent {
    if (input.spec === null) throw new Error(`r${number} has a table and no inputs`);
    const variantOf = variantsOf(input.spec, input.references);
    const byKey = new Map(table.variants.map((entry) => [entry.key, entry]));
    return (cluster) => {
      const frozen = table.variants[table.targets[cluster.id] ?? -1];
      if (frozen?.bundle) return { kind: "rendered", bundle: frozen.bundle, namespace: frozen.namespace };
      const resolved = variantOf(cluster);
      if (resolved.kind === "invalid") return { kind: "invalid", message: resolved.problems[0]?.message ?? "" };
      const { variant } = resolved;
      const late = deps.lateVariants.get(lateVariantKey(app, number, variant.key))?.variant;
      const entry = [byKey.get(variant.key), late].find((found) => found?.bundle);
      return entry?.bundle
        ? { kind: "rendered", bundle: entry.bundle, namespace: entry.namespace }
        : { kind: "missing", variant };
    };
  }

  return {
    tableOf,
    peek(release) {
      const { bundle } = release;
      if (bundle !== null) return () => bundle.digest;
      const table = tables.get(release.table?.blob ?? "");
      if (table === undefined) return () => null;
      const read = readerOf(release, table);
      return (cluster) => {
        const content = read(cluster);
        return content.kind === "rendered" ? content.bundle.digest : null;
      };
    },
    async of(release, clusters) {
      const { bundle } = release;
      if (bundle !== null) {
        const content = { kind: "rendered", bundle, namespace: release.options.destination.namespace } as const;
        return new Map([...clusters].map(({ id }) => [id, content]));
      }
      const table = await tableOf(release);
      if (table === null) throw new Error(`r${release.number} has neither a bundle nor a table`);
      const read = readerOf(release, table);
      return new Map([...clusters].map((cluster) => [cluster.id, read(cluster)]));
    },
  };
}
