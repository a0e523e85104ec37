import { type AppName, type AppUid, type ClusterId, formatApp } from "@muster/shared/model/ids.ts";
import { APPROVAL_APPS_MAX, APPROVAL_NAMES_MAX, type Approval } from "./documents/approval.ts";
import type { LeavingPair, RemovalCause } from "./removal-brake.ts";

/** What is asked of a person, in words: `50 clusters would lose storefront/shop`. */
export interface RemovalNames {
  readonly app: (uid: AppUid) => AppName;
  readonly cluster: (id: ClusterId) => string;
}

export function describeRemoval(
  pairs: readonly LeavingPair[],
  names: RemovalNames,
): Pick<Approval, "what" | "pairs" | "objects" | "apps"> & { readonly because: string } {
  const byApp = new Map<AppUid, LeavingPair[]>();
  for (const pair of pairs) byApp.set(pair.app, [...(byApp.get(pair.app) ?? []), pair]);
  const apps = [...byApp].sort(([, one], [, other]) => other.length - one.length);
  const objects = pairs.reduce((sum, pair) => sum + pair.objects, 0);
  return {
    what: `${what(pairs, apps, names)}${objects > 0 ? ` (${objects} ${objects === 1 ? "object" : "objects"})` : ""}`,
    because: because(pairs),
    pairs: pairs.length,
    objects,
    apps: apps.slice(0, APPROVAL_APPS_MAX).map(([uid, ofApp]) => {
      const { project, name } = names.app(uid);
      return {
        uid,
        project,
        name,
        pairs: ofApp.length,
        objects: ofApp.reduce((sum, pair) => sum + pair.objects, 0),
        clusters: firstNames(ofApp.map(({ cluster }) => names.cluster(cluster))),
      };
    }),
  };
}

const firstNames = (clusters: string[]): string[] => clusters.sort().slice(0, APPROVAL_NAMES_MAX);

function what(
  pairs: readonly LeavingPair[],
  apps: readonly (readonly [AppUid, readonly LeavingPair[]])[],
  names: RemovalNames,
): string {
  const clusters = new Set(pairs.map(({ cluster }) => cluster));
  const who = clusters.size === 1 ? names.cluster([...clusters][0] as ClusterId) : `${clusters.size} clusters`;
  const [first] = apps;
  if (apps.length === 1 && first !== undefined) {
    const app = formatApp(names.app(first[0]));
    return pairs.every(({ cause }) => cause === "deletion")
      ? `${app} would be deleted from ${who}`
      : `${who} would lose ${app}`;
  }
  return `${who} would lose ${apps.length} Apps, ${pairs.length} placements in all`;
}

const CAUSES: Readonly<Record<RemovalCause, string>> = {
  definition: "The App's definition changed, and no longer selects them.",
  labels: "The labels of clusters changed.",
  deletion: "The App was deleted.",
};

function because(pairs: readonly LeavingPair[]): string {
  const causes = new Set(pairs.map(({ cause }) => cause));
  return [...causes].map((cause) => CAUSES[cause]).join(" ");
}
