import { silentLog } from "@muster/shared/log.ts";
import { FakeClock } from "@muster/shared/testing/fake-clock.ts";
import { describe, expect, test } from "vitest";
import { type ClusterLeaseSubject, clusterLeaseContract } from "../../ports/cluster-lease.contract.ts";
import { createMemoryCluster } from "../memory-cluster/create-memory-cluster.ts";
import { createFaults, type Faults } from "../memory-cluster/faults.ts";
import { createClusterLease } from "./lease.ts";

const DURATION_MS = 30_000;
const ref = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", namespace: "default", name: "muster-agent" };

function start() {
  const clock = new FakeClock();
  const cluster = createMemoryCluster({ clock, random: Math.random, name: "memory" });
  const connections = new Map<string, Faults>();
  const faultsOf = (identity: string): Faults => {
    const faults = connections.get(identity) ?? createFaults(clock);
    connections.set(identity, faults);
    return faults;
  };
  const holder = (identity: string, own = clock) =>
    createClusterLease({
      api: cluster.asUser(identity, { faults: faultsOf(identity) }),
      clock: own,
      random: Math.random,
      log: silentLog,
      namespace: ref.namespace,
      name: ref.name,
      identity,
    });
  return { clock, cluster, faultsOf, holder };
}

describe("Lease in a cluster in memory", () =>
  clusterLeaseContract(async (): Promise<ClusterLeaseSubject> => {
    const { clock, cluster, faultsOf, holder } = start();
    return {
      holder,
      api: cluster.asUser("admin"),
      ref,
      cutOff: (identity) => faultsOf(identity).setUnavailable(true),
      mend: (identity) => faultsOf(identity).setUnavailable(false),
      async passUntil(isReached) {
        for (let passedMs = 0; passedMs <= 2 * DURATION_MS; passedMs += 100) {
          if (await isReached()) return;
          await clock.advance(100);
        }
        expect.fail("it did not come to pass within two durations of the Lease");
      },
      pass: (share) => clock.advance(share * DURATION_MS),
      close: () => cluster.close(),
    };
  }));

describe("clocks", () => {
  test("a wall clock that is hours ahead steals nothing", async () => {
    const { clock, cluster, holder } = start();
    const signal = new AbortController();
    const first = await holder("a").acquire({ signal: signal.signal });
    const skewed: typeof clock = Object.create(clock, { now: { value: () => clock.now() + 5 * 3_600_000 } });
    let isTaken = false;
    const second = holder("b", skewed)
      .acquire({ signal: signal.signal })
      .then(
        () => {
          isTaken = true;
        },
        () => {},
      );
    await clock.advance(5 * DURATION_MS);
    expect(isTaken).toBe(false);
    expect(first.lost.aborted).toBe(false);
    signal.abort();
    await second;
    await cluster.close();
  });

  test("a machine that was suspended gives up when it wakes, although its timers stood still", async () => {
    const { clock, cluster, holder } = start();
    let suspendedMs = 0;
    const own: typeof clock = Object.create(clock, { now: { value: () => clock.now() + suspendedMs } });
    const { lost, isHeld } = await holder("a", own).acquire({ signal: new AbortController().signal });
    expect(isHeld()).toBe(true);
    suspendedMs = 3_600_000;
    // Its next renewal, which succeeds, comes long before its timers would run out.
    await clock.advance(6_000);
    expect(lost.aborted).toBe(true);
    await cluster.close();
  });

  test("a process that stood still knows it before its first write, when no timer has told it yet", async () => {
    const { clock, cluster, holder } = start();
    const { lost, isHeld } = await holder("a").acquire({ signal: new AbortController().signal });
    clock.set(clock.now() + DURATION_MS);
    expect(isHeld()).toBe(false);
    expect(lost.aborted).toBe(true);
    await cluster.close();
  });

  test("a renewal that is stored although its answer is lost keeps the Lease", async () => {
    const { clock, cluster } = start();
    const api = cluster.asUser("a");
    const replace = api.replace;
    let isAnswerLost = true;
    const flaky = {
      ...api,
      replace: async (object: Parameters<typeof replace>[0]) => {
        const stored = await replace(object);
        if (!isAnswerLost) return stored;
        isAnswerLost = false;
        throw Object.assign(new Error("cut"), { code: "unavailable" });
      },
    };
    const lease = createClusterLease({
      api: flaky,
      clock,
      random: Math.random,
      log: silentLog,
      namespace: ref.namespace,
      name: ref.name,
      identity: "a",
    });
    const { lost } = await lease.acquire({ signal: new AbortController().signal });
    await clock.advance(2 * DURATION_MS);
    expect(isAnswerLost).toBe(false);
    expect(lost.aborted).toBe(false);
    await lease.release();
    await cluster.close();
  });

  test("timings under which a write could outlive the Lease are refused", () => {
    const { clock, cluster } = start();
    const make = () =>
      createClusterLease({
        api: cluster.api,
        clock,
        random: Math.random,
        log: silentLog,
        ...{ namespace: "default", name: "x", identity: "a", durationMs: 20_000 },
      });
    expect(make).toThrow("a write could end after another has taken the Lease");
  });
});
