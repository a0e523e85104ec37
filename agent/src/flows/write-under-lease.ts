import { AppError } from "@muster/shared/errors.ts";
import { formatObject, type ObjectRef } from "@muster/shared/model/object-ref.ts";
import type { ClusterApi, LiveObject } from "../ports/cluster-api.ts";

/**
 * The API server for whoever reconciles: each write looks at the Lease once more. What the agent keeps for itself needs
 * no such look, its writes carry the resource version.
 */
export function writeUnderLease(cluster: ClusterApi, isHeld: () => boolean): ClusterApi {
  const check = (ref: ObjectRef): void => {
    if (isHeld()) return;
    throw new AppError("unavailable", `${formatObject(ref)} was not written: the Lease of this cluster is lost`);
  };
  return {
    ...cluster,
    async apply(ref, body, opts) {
      check(ref);
      return cluster.apply(ref, body, opts);
    },
    async delete(ref, opts) {
      check(ref);
      return cluster.delete(ref, opts);
    },
    async create(object) {
      const { apiVersion, kind, metadata } = object as Pick<LiveObject, "apiVersion" | "kind" | "metadata">;
      check({ apiVersion, kind, namespace: metadata.namespace ?? "", name: metadata.name });
      return cluster.create(object);
    },
  };
}
