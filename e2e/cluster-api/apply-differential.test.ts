import { createMemoryCluster } from "@muster/agent/adapters/memory-cluster/create-memory-cluster.ts";
import type { ClusterApi, LiveObject } from "@muster/agent/ports/cluster-api.ts";
import { isAppError } from "@muster/shared/errors.ts";
import type { ObjectRef } from "@muster/shared/model/object-ref.ts";
import { systemClock } from "@muster/shared/system-clock.ts";
import fc from "fast-check";
import { expect, test } from "vitest";
import { describeWithClusters } from "../control-plane/describe-with-clusters.ts";
import type { TestCluster } from "../control-plane/provider.ts";
import { clusterApiFor, connectionTo } from "./subject.ts";

const managers = ["muster", "other"] as const;

/** Small alphabets, so that managers meet in the same fields and items. */
const container = fc.record(
  {
    name: fc.constantFrom("web", "sidecar", "proxy"),
    image: fc.constantFrom("a:1", "a:2"),
    args: fc.array(fc.constantFrom("x", "y"), { minLength: 1, maxLength: 2 }),
    env: fc.uniqueArray(fc.record({ name: fc.constantFrom("A", "B", "C"), value: fc.constantFrom("1", "2") }), {
      selector: ({ name }) => name,
      minLength: 1,
      maxLength: 3,
    }),
  },
  { requiredKeys: ["name", "image"] },
);
const labels = fc.dictionary(fc.constantFrom("a", "b"), fc.constantFrom("1", "2"), { minKeys: 1, maxKeys: 2 });
const fields = fc.record(
  {
    labels,
    replicas: fc.constantFrom(1, 2, 3),
    containers: fc.uniqueArray(container, { selector: ({ name }) => name, minLength: 1, maxLength: 3 }),
  },
  { requiredKeys: ["containers"] },
);
const steps = fc.array(fc.record({ manager: fc.constantFrom(...managers), force: fc.boolean(), fields }), {
  minLength: 2,
  maxLength: 5,
});

// The one in memory is worth its place only if it decides as the real one does.
await describeWithClusters(
  "server-side apply in memory against the real one",
  { clusters: 1, controllers: false },
  (plane) => {
    test("any sequence of applies by two managers ends the same, step by step", async () => {
      const cluster = plane().clusters[0] as TestCluster;
      const namespace = await cluster.createNamespace("differential");
      const connection = connectionTo(cluster.server, cluster.adminToken, cluster.caPem);
      const real = managers.map((fieldManager) => clusterApiFor(connection, { fieldManager }));
      const memory = createMemoryCluster({ clock: systemClock, random: Math.random, name: "memory" });
      await memory.asUser("admin").create({ apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } });
      const imitated = managers.map((manager) => memory.asUser(manager));
      let count = 0;

      try {
        await fc.assert(
          fc.asyncProperty(steps, async (sequence) => {
            const ref = { apiVersion: "apps/v1", kind: "Deployment", namespace, name: `d${count++}` };
            for (const step of sequence) {
              const at = managers.indexOf(step.manager);
              const [expected, actual] = await Promise.all(
                [real[at], imitated[at]].map((api) => outcome(api as ClusterApi, ref, step)),
              );
              expect(actual).toEqual(expected);
            }
          }),
          { numRuns: 60, endOnFailure: false },
        );
      } finally {
        await Promise.all(real.map((api) => api.close()));
        await memory.close();
      }
    }, 120_000);
  },
);

type Step = typeof steps extends fc.Arbitrary<(infer S)[]> ? S : never;

/** What can be compared: which fields conflict with whom, or what is owned by whom and says what. */
async function outcome(api: ClusterApi, ref: ObjectRef, { force, fields: { labels, replicas, containers } }: Step) {
  const body = {
    apiVersion: ref.apiVersion,
    kind: ref.kind,
    metadata: { name: ref.name, namespace: ref.namespace, ...(labels ? { labels } : {}) },
    spec: {
      ...(replicas ? { replicas } : {}),
      selector: { matchLabels: { app: "web" } },
      template: { metadata: { labels: { app: "web" } }, spec: { containers } },
    },
  };
  try {
    const live = await api.apply(ref, JSON.stringify(body), { force });
    return { owners: ownersOf(live), generation: live.metadata.generation, said: saidOf(live) };
  } catch (error) {
    if (isAppError(error, "invalid")) return { invalid: /spec\.\S+: Required value/.exec(error.message)?.[0] };
    if (!isAppError(error, "conflict")) throw error;
    return {
      conflict: error.message
        .split("; ")
        .map((part) => part.replace(/^Deployment \S+: /, ""))
        .sort(),
    };
  }
}

const ownersOf = ({ metadata }: LiveObject) =>
  Object.fromEntries((metadata.managedFields ?? []).map(({ manager, fieldsV1 }) => [manager, fieldsV1]));

function saidOf(live: LiveObject) {
  // biome-ignore lint/suspicious/noExplicitAny: an object's fields are what is looked at
  const { spec } = live as any;
  return {
    labels: live.metadata.labels ?? {},
    replicas: spec.replicas,
    // biome-ignore lint/suspicious/noExplicitAny: as above
    containers: spec.template.spec.containers.map(({ name, image, args, env }: any) => ({ name, image, args, env })),
  };
}
