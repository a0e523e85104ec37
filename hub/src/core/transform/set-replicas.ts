import type { KubernetesObject } from "@muster/shared/manifest/check-object.ts";
import type { Manifest } from "@muster/shared/manifest/parse.ts";
import type { Problem } from "@muster/shared/model/problem.ts";
import type { ReplicaChange } from "./bundle-transform.ts";
import { isMapping } from "./merge-lists.ts";
import { hintOfObject } from "./nearest-object.ts";
import type { Transformed } from "./transform-objects.ts";

const KINDS = ["Deployment", "StatefulSet", "ReplicaSet", "ReplicationController"];

/** `spec.replicas` of workloads, by name. A kind of one's own counts when it is said. */
export function setReplicas(manifests: readonly Manifest[], replicas: readonly ReplicaChange[]): Transformed {
  if (replicas.length === 0) return { manifests, problems: [] };
  const used = new Set<number>();
  const changed = manifests.map((manifest) => {
    let { object } = manifest;
    for (const [index, { name, kind, count }] of replicas.entries()) {
      const isMeant = kind === undefined ? KINDS.includes(manifest.ref.kind) : manifest.ref.kind === kind;
      if (!isMeant || manifest.ref.name !== name) continue;
      used.add(index);
      const spec = isMapping(object.spec) ? object.spec : {};
      object = { ...object, spec: { ...spec, replicas: count } } as KubernetesObject;
    }
    return object === manifest.object ? manifest : { ...manifest, object };
  });
  const problems = replicas.flatMap((change, index) => (used.has(index) ? [] : [notThere(manifests, change, index)]));
  return { manifests: changed, problems };
}

function notThere(manifests: readonly Manifest[], { name, kind }: ReplicaChange, index: number): Problem {
  const candidates = manifests.filter(({ ref }) => kind !== undefined || KINDS.includes(ref.kind));
  const hint = hintOfObject(candidates, { name, ...(kind === undefined ? {} : { kind }) });
  const what = kind ?? `${KINDS.slice(0, -1).join(", ")} or ${KINDS.at(-1)}`;
  return {
    code: "PatchFailed",
    message: `replicas ${index + 1}: no ${what} here is called ${name}.${hint}`.slice(0, 2_000),
    where: { field: `replicas.${index}.name` },
    fix: "Correct the name, or take this out.",
  };
}
