import { type Assignment, assignment } from "../model/assignment.ts";
import { type Report, report } from "../model/report.ts";
import type { Hello, SignedKeySet } from "../model/session.ts";

/** The model values behind the bytes in shared/fixtures/wire-v1: what those bytes must mean for ever. */

const app = { uid: "app-7f3a", project: "storefront", name: "shop" };
const epoch = { number: 2, tag: "q7wz" };
const digest = `b1:sha256:${"ab".repeat(32)}`;

export const assignmentV1: Assignment = assignment.parse({
  hubId: "hub-3c1d",
  clusterId: "cluster-9a",
  app,
  epoch,
  generation: 4_294_967_299,
  requires: ["bundle/b1", "apply/v1"],
  content: {
    kind: "run",
    bundle: { digest, objects: 12, bytes: 34_567 },
    release: { number: 42, commit: "4f2c9e1".padEnd(40, "0"), direction: "forward" },
    destination: { namespace: "shop", createNamespace: true },
    sync: { adopt: "none", drift: "heal", prune: true },
  },
});

export const tombstoneV1: Assignment = assignment.parse({
  ...assignmentV1,
  generation: 8,
  content: { kind: "remove", action: "delete" },
});

export const reportV1: Report = report.parse({
  app,
  epoch,
  generation: 4_294_967_299,
  digest,
  phase: "Applied",
  sync: "Synced",
  health: "Progressing",
  message: "Deployment shop: 2 of 6 ready",
  counts: { objects: 12, synced: 12, healthy: 11, pruned: 1 },
  objects: [
    {
      ref: { apiVersion: "apps/v1", kind: "Deployment", namespace: "shop", name: "shop" },
      sync: "Synced",
      health: "Progressing",
      message: "2 of 6 ready",
    },
  ],
  drift: [
    {
      object: { apiVersion: "v1", kind: "ConfigMap", namespace: "shop", name: "shop-config" },
      field: "data.timeout",
      expected: "30s",
      found: "5s",
      manager: "kubectl-edit",
      at: 1_772_540_000_000,
      healedAt: 1_772_540_000_350,
    },
  ],
  problems: [
    {
      code: "ImmutableField",
      message: "Service shop/shop: field spec.clusterIP is immutable.",
      where: {
        field: "spec.clusterIP",
        object: { apiVersion: "v1", kind: "Service", namespace: "shop", name: "shop" },
      },
      fix: 'Allow replacing it with the annotation muster.dev/replace: "true".',
    },
  ],
  observedAt: 1_772_540_001_000,
});

export const helloV1 = (proof: SignedKeySet, payloadSha256: string): Hello => ({
  protocol: { min: 1, max: 1 },
  agentVersion: "0.1.0",
  capabilities: ["bundle/b1", "apply/v1"],
  kubernetesVersion: "1.37",
  clusterUid: "0d6f3c52-2b6c-4d43-8f6e-5c1f5a3d9a10",
  instance: "f00d",
  isActing: true,
  have: [
    {
      mark: {
        hubId: assignmentV1.hubId,
        appUid: assignmentV1.app.uid,
        epoch,
        generation: assignmentV1.generation,
        payloadSha256,
      },
      proof,
    },
  ],
});
