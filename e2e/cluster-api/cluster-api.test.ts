import { clusterApiContract } from "@muster/agent/ports/cluster-api.contract.ts";
import { describeWithClusters } from "../control-plane/describe-with-clusters.ts";
import type { TestCluster } from "../control-plane/provider.ts";
import { kubernetesSubject } from "./subject.ts";

// No controllers: nothing but the test writes to the objects.
await describeWithClusters("ClusterApi on a real API server", { clusters: 1, controllers: false }, (controlPlane) => {
  clusterApiContract(() => kubernetesSubject(controlPlane().clusters[0] as TestCluster));
});
