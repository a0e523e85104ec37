import type { Definition } from "@muster/shared/model/definitions.ts";
import { formatApp } from "@muster/shared/model/ids.ts";
import { selects } from "../../core/placement.ts";
import type { LeavingPair } from "../../core/removal-brake.ts";
import { isSelected } from "../../core/wanted.ts";
import type { HubState } from "../hub-state.ts";

/** Placements that definitions would end, counted as they would be once all of them are in force. */
export function removalsBy(
  state: HubState,
  definitions: readonly Definition[],
): Pick<LeavingPair, "app" | "cluster" | "cause">[] {
  const selectors = new Map(
    definitions.flatMap(({ kind, ...rest }) => {
      const definition = { kind, ...rest } as Definition;
      return definition.kind === "App" ? [[formatApp(definition.metadata), definition.spec.clusters] as const] : [];
    }),
  );
  const labels = new Map(
    definitions.flatMap(({ kind, metadata }) =>
      kind === "Cluster" ? [[metadata.name, metadata.labels ?? {}] as const] : [],
    ),
  );
  const projects = new Map(
    definitions.flatMap((definition) =>
      definition.kind === "Project" ? [[definition.metadata.name, definition.spec] as const] : [],
    ),
  );
  if (selectors.size === 0 && labels.size === 0 && projects.size === 0) return [];
  const pairs: Pick<LeavingPair, "app" | "cluster" | "cause">[] = [];
  for (const { uid, definition } of state.apps()) {
    const selector = selectors.get(formatApp(definition.metadata));
    const { project } = definition.metadata;
    if (selector === undefined && labels.size === 0 && !projects.has(project)) continue;
    const rules = { before: state.rulesOf(project), after: projects.get(project) ?? state.rulesOf(project) };
    // While it is suspended its Apps stay where they are.
    if (rules.after?.suspended) continue;
    for (const cluster of state.entriesOf(uid).keys()) {
      const record = state.clusters.get(cluster);
      if (record === null || record.revoked !== null || !isSelected(definition, record, rules.before)) continue;
      const after = { name: record.name, labels: labels.get(record.name) ?? record.labels };
      const wanted = { spec: { ...definition.spec, clusters: selector ?? definition.spec.clusters } };
      if (isSelected(wanted, after, rules.after)) continue;
      const isByProject = projects.has(project) && !isSelected(definition, record, rules.after);
      const isByDefinition = isByProject || (selector !== undefined && !selects(selector, record));
      pairs.push({ app: uid, cluster, cause: isByDefinition ? "definition" : "labels" });
    }
  }
  return pairs;
}
