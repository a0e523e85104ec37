import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import { describeWithClusters, type SuiteOptions } from "../control-plane/describe-with-clusters.ts";
import type { ControlPlane } from "../control-plane/provider.ts";
import { type GitHttpServer, gitHttpServer } from "../forge/git-http-server.ts";
import { type Fleet, type FleetOptions, logsOf, startFleet } from "./fleet.ts";

export interface FleetSuite {
  readonly controlPlane: () => ControlPlane;
  readonly forge: () => GitHttpServer;
  /** The fleet that all tests of the file share. */
  readonly fleet: () => Fleet;
  /** A fleet of its own for a test that breaks it, stopped with the test; one started by a hook, with the suite. */
  readonly ownFleet: (options?: Partial<FleetOptions>) => Promise<Fleet>;
}

export interface FleetSuiteOptions extends Partial<SuiteOptions> {
  /** Default true. */
  readonly sharedFleet?: boolean;
  readonly fleet?: Partial<FleetOptions>;
}

/**
 * A suite with clusters, a Git server and a fleet that its tests share. Clusters have no controllers unless asked for:
 * ConfigMaps need none.
 *
 * ```ts
 * await describeFleet("spine", { clusters: 2 }, ({ fleet }) => {
 *   test("…", async () => { const app = await fleet().newApp("shop", { files: { "a.yaml": configMap("a") } }); });
 * });
 * ```
 */
export async function describeFleet(
  title: string,
  { sharedFleet = true, fleet: fleetOptions = {}, ...options }: FleetSuiteOptions,
  body: (suite: FleetSuite) => void,
): Promise<void> {
  const suiteOptions = { clusters: 2, controllers: false, ...options };
  await describeWithClusters(title, suiteOptions, (controlPlane) => {
    let forge: GitHttpServer | undefined;
    let shared: Fleet | undefined;
    const own: Fleet[] = [];
    const ofTest: Fleet[] = [];
    const start = async (more: Partial<FleetOptions>) => {
      if (forge === undefined) throw new Error("the fleet runs only while tests and hooks do");
      return startFleet({ clusters: controlPlane().clusters, forge, ...fleetOptions, ...more });
    };
    beforeAll(async () => {
      forge = await gitHttpServer();
      if (sharedFleet) shared = await start({});
    }, 120_000);
    afterAll(async () => {
      await Promise.all([...own, ...(shared ? [shared] : [])].map((fleet) => fleet.stop()));
      await forge?.stop();
    }, 60_000);
    let isInTest = false;
    beforeEach(() => {
      isInTest = true;
    });
    afterEach(async ({ task }) => {
      isInTest = false;
      if (task.result?.state === "fail") {
        for (const fleet of [...(shared ? [shared] : []), ...own, ...ofTest]) console.error(logsOfFleet(fleet));
      }
      await Promise.all(ofTest.splice(0).map((fleet) => fleet.stop()));
    }, 60_000);
    body({
      controlPlane,
      forge: () => present(forge),
      fleet: () => present(shared),
      ownFleet: async (more = {}) => {
        const fleet = await start(more);
        (isInTest ? ofTest : own).push(fleet);
        return fleet;
      },
    });
  });
}

const logsOfFleet = (fleet: Fleet): string => logsOf([fleet.hub, ...fleet.members.map(({ agent }) => agent)]);

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("it runs only while tests and hooks do, not while they are declared");
  return value;
}
