import { type ClusterRecord, registerCluster } from "@muster/hub/core/cluster-record.ts";
import type { ClusterId } from "@muster/shared/model/ids.ts";
import type { ClusterSelector } from "@muster/shared/model/selector.ts";

const ENVIRONMENTS = ["dev", "staging", "production"];
const REGIONS = ["eu-west", "eu-north", "us-east", "us-west", "ap-south"];

/** Clusters with the labels that fleets have; `group` is one of a hundred. */
export function fleetOf(count: number): ClusterRecord[] {
  return Array.from({ length: count }, (_, index) =>
    registerCluster({
      id: `c-${index.toString(16).padStart(16, "0")}` as ClusterId,
      name: `cluster-${index}`,
      labels: {
        env: ENVIRONMENTS[index % ENVIRONMENTS.length] as string,
        region: REGIONS[index % REGIONS.length] as string,
        group: `g${index % 100}`,
        "example.com/tier": index % 2 === 0 ? "edge" : "core",
      },
      token: { id: index.toString(16).padStart(16, "0"), hash: "0".repeat(64) },
      now: 1_700_000_000_000,
      by: { kind: "person", name: "bench", from: null },
    }),
  );
}

/** Of every form that a selector may have; together they want about a third of the fleet. */
export function selectorOf(index: number): ClusterSelector {
  const group = (offset: number): string => `g${(index + offset) % 100}`;
  switch (index % 5) {
    case 0:
      return { matchLabels: { env: ENVIRONMENTS[index % 3] as string, "example.com/tier": "edge" } };
    case 1:
      return { matchExpressions: [{ key: "group", operator: "In", values: [group(0), group(7), group(13)] }] };
    case 2:
      return { names: Array.from({ length: 50 }, (_, at) => `cluster-${index * 50 + at}`) };
    case 3:
      return { all: true, exclude: { matchLabels: { env: "production" } } };
    default:
      return {
        matchLabels: { region: REGIONS[index % 4] as string },
        matchExpressions: [
          { key: "env", operator: "NotIn", values: ["dev"] },
          { key: "retired", operator: "DoesNotExist" },
        ],
      };
  }
}
