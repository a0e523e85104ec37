import type { LiveObject } from "../../ports/cluster-api.ts";

interface Workload {
  readonly spec?: {
    readonly replicas?: number;
    readonly completions?: number;
    readonly type?: string;
    readonly template?: { readonly spec?: { readonly containers?: readonly { readonly image?: string }[] } };
    readonly containers?: readonly { readonly name?: string; readonly image?: string }[];
  };
}

/** The status that the object's controller would write once its work is done; null for kinds without one. */
export function readyStatus(
  object: LiveObject,
  opts: { time: string; isBroken: (image: string) => boolean },
): object | null {
  const { time } = opts;
  const { spec = {} } = object as Workload;
  const observedGeneration = object.metadata.generation;
  const replicas = spec.replicas ?? 1;
  const containers = spec.template?.spec?.containers ?? spec.containers ?? [];
  const broken = containers.map(({ image = "" }) => image).find(opts.isBroken);
  const ready = broken === undefined ? replicas : 0;
  const condition = (type: string, isTrue: boolean, reason: string, message = "") => ({
    type,
    status: isTrue ? "True" : "False",
    reason,
    message,
    lastTransitionTime: time,
  });

  switch (object.kind) {
    case "Deployment":
      return {
        observedGeneration,
        replicas,
        updatedReplicas: replicas,
        readyReplicas: ready,
        availableReplicas: ready,
        ...(ready < replicas ? { unavailableReplicas: replicas - ready } : {}),
        conditions: broken
          ? [
              condition(
                "Available",
                false,
                "MinimumReplicasUnavailable",
                "Deployment does not have minimum availability.",
              ),
              condition("Progressing", false, "ProgressDeadlineExceeded", `the image ${broken} does not start`),
            ]
          : [
              condition("Available", true, "MinimumReplicasAvailable"),
              condition("Progressing", true, "NewReplicaSetAvailable"),
            ],
      };
    case "StatefulSet":
      return {
        observedGeneration,
        replicas,
        currentReplicas: replicas,
        updatedReplicas: replicas,
        readyReplicas: ready,
        availableReplicas: ready,
        currentRevision: `${object.metadata.name}-${observedGeneration}`,
        updateRevision: `${object.metadata.name}-${observedGeneration}`,
      };
    case "ReplicaSet":
      return { observedGeneration, replicas, readyReplicas: ready, availableReplicas: ready };
    case "DaemonSet": {
      const available = broken === undefined ? 1 : 0;
      return {
        observedGeneration,
        desiredNumberScheduled: 1,
        currentNumberScheduled: 1,
        updatedNumberScheduled: 1,
        numberMisscheduled: 0,
        numberReady: available,
        numberAvailable: available,
      };
    }
    case "Job":
      if (broken)
        return { startTime: time, failed: 1, conditions: [condition("Failed", true, "BackoffLimitExceeded")] };
      return {
        startTime: time,
        completionTime: time,
        succeeded: spec.completions ?? 1,
        conditions: [condition("Complete", true, "CompletionsReached")],
      };
    case "Pod":
      return {
        observedGeneration,
        phase: broken ? "Pending" : "Running",
        startTime: time,
        conditions: [condition("Ready", broken === undefined, broken ? "ContainersNotReady" : "")],
        containerStatuses: (spec.containers ?? []).map(({ name = "", image = "" }) => ({
          name,
          image,
          ready: !opts.isBroken(image),
          restartCount: 0,
          state: opts.isBroken(image)
            ? { waiting: { reason: "ImagePullBackOff", message: `Back-off pulling image "${image}"` } }
            : { running: { startedAt: time } },
        })),
      };
    case "PersistentVolumeClaim":
      return { phase: "Bound" };
    case "Service":
      return spec.type === "LoadBalancer" ? { loadBalancer: { ingress: [{ ip: "203.0.113.10" }] } } : null;
    case "CustomResourceDefinition":
      return {
        conditions: [
          condition("NamesAccepted", true, "NoConflicts"),
          condition("Established", true, "InitialNamesAccepted"),
        ],
      };
    default:
      return null;
  }
}
