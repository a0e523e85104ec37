import { afterAll, beforeAll, describe } from "vitest";
import type { ClusterProvider, ControlPlane, StartOptions } from "./provider.ts";
import { controlPlaneAvailability, isContinuousIntegration } from "./test-clusters.ts";

export interface SuiteOptions extends StartOptions {
  /** Set by suites that call `stopApiServer`. */
  readonly stopsApiServers?: boolean;
  /** Set by suites that call `addCluster`. */
  readonly addsClusters?: boolean;
}

/**
 * A suite with clusters of its own, started before its first test and stopped after its last. Where none can be had
 * its tests count as skipped and the reason is printed; in CI that is a failure.
 *
 * ```ts
 * await describeWithClusters("prune", { clusters: 2 }, (controlPlane) => {
 *   test("…", async () => { const [first, second] = controlPlane().clusters; });
 * });
 * ```
 */
export async function describeWithClusters(
  title: string,
  options: SuiteOptions,
  body: (controlPlane: () => ControlPlane) => void,
): Promise<void> {
  const availability = await controlPlaneAvailability(options);
  const obstacle = availability.ok ? unsupported(availability.provider, options) : availability;
  if (obstacle) {
    if (isContinuousIntegration(process.env)) throw new Error(`"${title}": ${obstacle.reason}; ${obstacle.install}`);
    console.warn(`skipped: "${title}": ${obstacle.reason}. To run it: ${obstacle.install}.`);
  }
  describe.skipIf(obstacle !== undefined)(title, () => {
    let controlPlane: ControlPlane | undefined;
    beforeAll(async () => {
      if (availability.ok) controlPlane = await availability.provider.start(options);
    }, 300_000);
    afterAll(() => controlPlane?.stop(), 120_000);
    body(() => {
      if (!controlPlane) throw new Error("the clusters run only while tests and hooks do, not while they are declared");
      return controlPlane;
    });
  });
}

function unsupported(
  { kind, supports }: ClusterProvider,
  options: SuiteOptions,
): { reason: string; install: string } | undefined {
  const lacking = [
    ...(options.stopsApiServers && !supports.stopApiServer ? ["stop API servers"] : []),
    ...(options.addsClusters && !supports.newClusters ? ["make further clusters"] : []),
    ...(options.auditLog && !supports.auditLog ? ["write an audit log"] : []),
    ...(options.apiServerFlags?.length && !supports.apiServerFlags ? ["set API server flags"] : []),
    ...(options.kubernetes === "older" && !supports.newClusters ? ["choose the Kubernetes version"] : []),
  ];
  if (lacking.length === 0) return undefined;
  return { reason: `the ${kind} provider cannot ${lacking.join(" or ")}`, install: "use MUSTER_TEST_PROVIDER=built" };
}
