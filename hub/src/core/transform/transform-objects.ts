import type { Manifest } from "@muster/shared/manifest/parse.ts";
import type { Problem } from "@muster/shared/model/problem.ts";
import { applyPatches } from "./apply-patches.ts";
import type { BundleTransform } from "./bundle-transform.ts";
import { changeImages } from "./change-images.ts";
import { prefixNames } from "./prefix-names.ts";
import { setReplicas } from "./set-replicas.ts";

export interface Transformed {
  readonly manifests: readonly Manifest[];
  readonly problems: readonly Problem[];
}

/**
 * The objects of a variant: patches, then images, then replicas, then the prefix of names. Pure: objects that change are
 * copied, the others are shared. What asks for an object that is not there is a problem, never silence.
 */
export function transformObjects(manifests: readonly Manifest[], transform: BundleTransform): Transformed {
  const problems: Problem[] = [];
  let current = manifests;
  const steps = [
    () => applyPatches(current, transform.patches ?? [], transform.namespace ?? "default"),
    () => changeImages(current, transform.images ?? []),
    () => setReplicas(current, transform.replicas ?? []),
    () => prefixNames(current, transform.namePrefix ?? "", transform.namespace ?? "default"),
  ];
  for (const step of steps) {
    const result = step();
    current = result.manifests;
    problems.push(...result.problems);
  }
  return { manifests: current, problems };
}
