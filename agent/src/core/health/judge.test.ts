import { describe, expect, test } from "vitest";
import type { Live } from "../live.ts";
import { judgeHealth } from "./judge.ts";

const now = Date.parse("2026-03-03T12:00:00Z");
const make = (apiVersion: string, kind: string, fields: object, metadata: object = {}): Live =>
  ({
    apiVersion,
    kind,
    metadata: { name: "x", uid: "u", resourceVersion: "1", generation: 2, ...metadata },
    ...fields,
  }) as Live;
const condition = (type: string, status: string, over: object = {}) => ({ type, status, ...over });
const waiting = (reason: string) => ({ name: "web", state: { waiting: { reason } } });

const deployment = (status: object, spec: object = {}) =>
  make("apps/v1", "Deployment", { spec: { replicas: 3, ...spec }, status: { observedGeneration: 2, ...status } });
const ready = { replicas: 3, updatedReplicas: 3, availableReplicas: 3, readyReplicas: 3 };
const statefulSet = (status: object, spec: object = {}) =>
  make("apps/v1", "StatefulSet", { spec: { replicas: 3, ...spec }, status: { observedGeneration: 2, ...status } });
const daemonSet = (status: object, spec: object = {}) =>
  make("apps/v1", "DaemonSet", { spec, status: { observedGeneration: 2, ...status } });
const job = (status: object, spec: object = {}) => make("batch/v1", "Job", { spec, status });
const pod = (status: object, spec: object = {}) =>
  make("v1", "Pod", { spec: { restartPolicy: "Always", ...spec }, status });
const custom = (status: object | undefined, metadata: object = {}) =>
  make("example.com/v1", "Widget", status === undefined ? {} : { status }, {
    creationTimestamp: "2026-03-03T11:00:00Z",
    ...metadata,
  });

describe("judgeHealth", () => {
  test.each<[string, Live, string, string?]>([
    ["Deployment: all ready", deployment(ready), "Healthy", "3/3 ready"],
    [
      "Deployment: generation not observed, though all look ready",
      deployment({ ...ready, observedGeneration: 1 }),
      "Progressing",
    ],
    ["Deployment: no status", make("apps/v1", "Deployment", { spec: { replicas: 1 } }), "Progressing"],
    ["Deployment: updating", deployment({ ...ready, updatedReplicas: 1 }), "Progressing", "1/3 updated"],
    ["Deployment: old ones left", deployment({ ...ready, replicas: 4 }), "Progressing"],
    ["Deployment: not available", deployment({ ...ready, availableReplicas: 2 }), "Progressing", "2/3 ready"],
    [
      "Deployment: deadline passed",
      deployment({ ...ready, conditions: [condition("Progressing", "False", { reason: "ProgressDeadlineExceeded" })] }),
      "Degraded",
    ],
    ["Deployment: paused halfway", deployment({ ...ready, updatedReplicas: 0 }, { paused: true }), "Suspended"],
    ["Deployment: scaled to zero", deployment({ replicas: 0 }, { replicas: 0 }), "Healthy"],
    [
      "Deployment: quota says no",
      deployment({
        availableReplicas: 0,
        updatedReplicas: 3,
        replicas: 3,
        conditions: [condition("ReplicaFailure", "True", { reason: "FailedCreate" })],
      }),
      "Progressing",
      "FailedCreate",
    ],
    [
      "StatefulSet: ready",
      statefulSet({ readyReplicas: 3, updatedReplicas: 3, currentRevision: "r", updateRevision: "r" }),
      "Healthy",
    ],
    ["StatefulSet: not ready", statefulSet({ readyReplicas: 1 }), "Progressing", "1/3 ready"],
    [
      "StatefulSet: old revision",
      statefulSet({ readyReplicas: 3, updatedReplicas: 3, currentRevision: "r", updateRevision: "s" }),
      "Progressing",
    ],
    [
      "StatefulSet: partitioned",
      statefulSet(
        { readyReplicas: 3, updatedReplicas: 1, currentRevision: "r", updateRevision: "s" },
        { updateStrategy: { rollingUpdate: { partition: 2 } } },
      ),
      "Healthy",
    ],
    [
      "StatefulSet: on delete",
      statefulSet({ readyReplicas: 3, updatedReplicas: 0 }, { updateStrategy: { type: "OnDelete" } }),
      "Healthy",
    ],
    ["StatefulSet: not observed", statefulSet({ readyReplicas: 3, observedGeneration: 1 }), "Progressing"],
    [
      "DaemonSet: ready",
      daemonSet({ desiredNumberScheduled: 2, updatedNumberScheduled: 2, numberAvailable: 2 }),
      "Healthy",
    ],
    [
      "DaemonSet: updating",
      daemonSet({ desiredNumberScheduled: 2, updatedNumberScheduled: 1, numberAvailable: 2 }),
      "Progressing",
    ],
    ["DaemonSet: no nodes", daemonSet({ desiredNumberScheduled: 0 }), "Healthy"],
    ["DaemonSet: not observed", daemonSet({ desiredNumberScheduled: 0, observedGeneration: 0 }), "Progressing"],
    [
      "ReplicaSet: ready",
      make("apps/v1", "ReplicaSet", { spec: { replicas: 1 }, status: { observedGeneration: 2, availableReplicas: 1 } }),
      "Healthy",
    ],
    [
      "ReplicaSet: cannot create pods",
      make("apps/v1", "ReplicaSet", {
        spec: { replicas: 1 },
        status: { observedGeneration: 2, conditions: [condition("ReplicaFailure", "True")] },
      }),
      "Degraded",
    ],
    ["Job: running", job({ active: 1 }), "Progressing"],
    ["Job: complete", job({ conditions: [condition("Complete", "True")] }), "Healthy"],
    [
      "Job: failed",
      job({ conditions: [condition("Failed", "True", { reason: "BackoffLimitExceeded" })] }),
      "Degraded",
      "BackoffLimitExceeded",
    ],
    ["Job: suspended", job({}, { suspend: true }), "Suspended"],
    ["CronJob: suspended", make("batch/v1", "CronJob", { spec: { suspend: true } }), "Suspended"],
    ["Pod: running and ready", pod({ phase: "Running", conditions: [condition("Ready", "True")] }), "Healthy"],
    [
      "Pod: running, not ready",
      pod({ phase: "Running", conditions: [condition("Ready", "False", { reason: "ContainersNotReady" })] }),
      "Progressing",
    ],
    [
      "Pod: crash loop",
      pod({ phase: "Running", containerStatuses: [waiting("CrashLoopBackOff")] }),
      "Degraded",
      "container web: CrashLoopBackOff",
    ],
    ["Pod: no image", pod({ phase: "Pending", initContainerStatuses: [waiting("ImagePullBackOff")] }), "Degraded"],
    ["Pod: starting", pod({ phase: "Pending", containerStatuses: [waiting("ContainerCreating")] }), "Progressing"],
    [
      "Pod: unschedulable",
      pod({
        phase: "Pending",
        conditions: [condition("PodScheduled", "False", { reason: "Unschedulable", message: "0/3 nodes" })],
      }),
      "Progressing",
      "Unschedulable: 0/3 nodes",
    ],
    [
      "Pod: failed",
      pod({
        phase: "Failed",
        containerStatuses: [{ name: "web", state: { terminated: { exitCode: 3, reason: "Error" } } }],
      }),
      "Degraded",
      "exit code 3",
    ],
    ["Pod: done", pod({ phase: "Succeeded" }), "Healthy"],
    ["Service: plain", make("v1", "Service", { spec: { type: "ClusterIP" } }), "Healthy"],
    [
      "Service: waiting for an address",
      make("v1", "Service", { spec: { type: "LoadBalancer" }, status: { loadBalancer: {} } }),
      "Progressing",
    ],
    [
      "Service: has an address",
      make("v1", "Service", {
        spec: { type: "LoadBalancer" },
        status: { loadBalancer: { ingress: [{ ip: "192.0.2.1" }] } },
      }),
      "Healthy",
      "192.0.2.1",
    ],
    ["PVC: bound", make("v1", "PersistentVolumeClaim", { status: { phase: "Bound" } }), "Healthy"],
    ["PVC: pending", make("v1", "PersistentVolumeClaim", { status: { phase: "Pending" } }), "Progressing"],
    ["PVC: lost", make("v1", "PersistentVolumeClaim", { status: { phase: "Lost" } }), "Degraded"],
    [
      "CRD: established",
      make("apiextensions.k8s.io/v1", "CustomResourceDefinition", {
        status: { conditions: [condition("Established", "True"), condition("NamesAccepted", "True")] },
      }),
      "Healthy",
    ],
    ["CRD: new", make("apiextensions.k8s.io/v1", "CustomResourceDefinition", {}), "Progressing"],
    [
      "CRD: names taken",
      make("apiextensions.k8s.io/v1", "CustomResourceDefinition", {
        status: { conditions: [condition("NamesAccepted", "False", { reason: "KindConflict" })] },
      }),
      "Degraded",
    ],
    ["Namespace: active", make("v1", "Namespace", { status: { phase: "Active" } }), "Healthy"],
    ["Namespace: terminating", make("v1", "Namespace", { status: { phase: "Terminating" } }), "Progressing"],
    ["ConfigMap", make("v1", "ConfigMap", { data: {} }), "Healthy"],
    [
      "anything being deleted",
      make("v1", "ConfigMap", {}, { deletionTimestamp: "2026-03-03T12:00:00Z" }),
      "Progressing",
    ],
    ["custom: ready", custom({ conditions: [condition("Ready", "True")] }), "Healthy"],
    [
      "custom: not ready",
      custom({ conditions: [condition("Ready", "False", { reason: "Issuing" })] }),
      "Progressing",
      "Issuing",
    ],
    ["custom: unknown", custom({ conditions: [condition("Ready", "Unknown")] }), "Progressing"],
    [
      "custom: ready about an older generation",
      custom({ observedGeneration: 1, conditions: [condition("Ready", "True")] }),
      "Progressing",
    ],
    [
      "custom: a condition about an older generation",
      custom({ conditions: [condition("Ready", "True", { observedGeneration: 1 })] }),
      "Progressing",
    ],
    [
      "custom: stalled",
      custom({
        observedGeneration: 2,
        conditions: [condition("Ready", "False"), condition("Stalled", "True", { reason: "Broken" })],
      }),
      "Degraded",
      "Broken",
    ],
    ["custom: reconciling", custom({ conditions: [condition("Reconciling", "True")] }), "Progressing"],
    ["custom: old, never any status", custom(undefined), "Healthy"],
    [
      "custom: just made, no status yet",
      custom(undefined, { creationTimestamp: "2026-03-03T11:59:58Z" }),
      "Progressing",
    ],
  ])("%s", (_, live, state, message = "") => {
    const health = judgeHealth(live, now);
    expect(health.state).toBe(state);
    expect(health.message).toContain(message);
  });

  test("a new custom object without a status is looked at again", () => {
    const live = custom(undefined, { creationTimestamp: "2026-03-03T11:59:58Z" });
    expect(judgeHealth(live, now).recheckInMs).toBe(3_000);
    expect(judgeHealth(live, now + 3_000)).toMatchObject({ state: "Healthy" });
  });
});
