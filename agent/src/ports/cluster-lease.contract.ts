import { isAppError } from "@muster/shared/errors.ts";
import type { ObjectRef } from "@muster/shared/model/object-ref.ts";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { ClusterLease, HeldLease } from "./agent-state.ts";
import type { ClusterApi } from "./cluster-api.ts";

/** One Lease in one cluster, for which several may ask. */
export interface ClusterLeaseSubject {
  /** Its connection to the cluster is `holder`'s own: `cutOff` breaks that one alone. */
  holder(identity: string): ClusterLease;
  /** The same Lease without faults, for looking and for vandalism. */
  readonly api: ClusterApi;
  readonly ref: ObjectRef;
  /** From now on nothing that this holder sends arrives. */
  cutOff(identity: string): void;
  mend(identity: string): void;
  /** Lets time pass until the condition holds; a little longer than the Lease's duration at most. */
  passUntil(isReached: () => boolean | Promise<boolean>): Promise<void>;
  /** Lets about that share of the Lease's duration pass. */
  pass(share: number): Promise<void>;
  close(): Promise<void>;
}

/** What every `ClusterLease` promises. */
export function clusterLeaseContract(makeSubject: () => Promise<ClusterLeaseSubject>): void {
  let subject: ClusterLeaseSubject;
  const stopping: AbortController[] = [];
  const held: ClusterLease[] = [];

  beforeEach(async () => {
    subject = await makeSubject();
  });
  afterEach(async () => {
    for (const each of stopping.splice(0)) each.abort();
    for (const each of held.splice(0)) await each.release();
    await subject.close();
  });

  /** Asks for the Lease and tells what came of it so far. */
  const asking = (identity: string) => {
    const lease = subject.holder(identity);
    const stop = new AbortController();
    stopping.push(stop);
    held.push(lease);
    const state: { got?: HeldLease; error?: unknown } = {};
    const settled = lease.acquire({ signal: stop.signal }).then(
      (got) => {
        state.got = got;
      },
      (error: unknown) => {
        state.error = error;
      },
    );
    return { lease, state, stop, settled, isHolder: () => state.got !== undefined && !state.got.lost.aborted };
  };
  const acquired = async (identity: string) => {
    const one = asking(identity);
    await subject.passUntil(() => one.state.got !== undefined);
    return one;
  };

  test("a free Lease is taken, and says by whom", async () => {
    const first = await acquired("a");
    expect(first.isHolder()).toBe(true);
    const lease = await subject.api.get(subject.ref);
    expect(lease?.spec).toMatchObject({ holderIdentity: "a" });
  });

  test("a second one waits as long as the first renews", async () => {
    const first = await acquired("a");
    const second = asking("b");
    await subject.pass(2.5);
    expect(first.isHolder()).toBe(true);
    expect(second.state.got).toBeUndefined();
  });

  test("a released Lease passes on at a higher fence, and the first learns that it lost it", async () => {
    const first = await acquired("a");
    const second = asking("b");
    await first.lease.release();
    expect(first.isHolder()).toBe(false);
    expect(first.state.got?.isHeld()).toBe(false);
    await subject.passUntil(() => second.isHolder());
    expect(second.state.got?.isHeld()).toBe(true);
    expect(second.state.got?.fence).toBeGreaterThan(first.state.got?.fence as number);
  });

  test("a holder that is cut off gives up before another takes over", async () => {
    const first = await acquired("a");
    const second = asking("b");
    await subject.pass(0.5);
    const order: string[] = [];
    first.state.got?.lost.addEventListener("abort", () => order.push("lost"));
    void second.settled.then(() => order.push("taken"));
    subject.cutOff("a");
    await subject.passUntil(() => second.isHolder());
    expect(order).toEqual(["lost", "taken"]);
    expect(second.state.got?.fence).toBeGreaterThan(first.state.got?.fence as number);
  });

  test("a short cut is passed over", async () => {
    const first = await acquired("a");
    subject.cutOff("a");
    await subject.pass(0.2);
    subject.mend("a");
    await subject.pass(2);
    expect(first.isHolder()).toBe(true);
  });

  test("who lost it can take it again", async () => {
    const first = await acquired("a");
    subject.cutOff("a");
    await subject.passUntil(() => first.state.got?.lost.aborted === true);
    subject.mend("a");
    const again = first.lease.acquire({ signal: new AbortController().signal });
    let fence = 0;
    void again.then((got) => {
      fence = got.fence;
    });
    await subject.passUntil(() => fence > 0);
    expect(fence).toBeGreaterThan(first.state.got?.fence as number);
  });

  test("a new process of the same identity takes over at once, and the old one learns it", async () => {
    const first = await acquired("a");
    const second = await acquired("a");
    expect(second.state.got?.fence).toBeGreaterThan(first.state.got?.fence as number);
    await subject.passUntil(() => first.state.got?.lost.aborted === true);
    expect(second.isHolder()).toBe(true);
  });

  test("a Lease that somebody deleted is lost, and the fence rises all the same", async () => {
    const first = await acquired("a");
    await subject.api.delete(subject.ref, {});
    await subject.passUntil(() => first.state.got?.lost.aborted === true);
    const second = await acquired("b");
    expect(second.state.got?.fence).toBeGreaterThan(first.state.got?.fence as number);
  });

  test("a Lease that somebody labelled is kept", async () => {
    const first = await acquired("a");
    const lease = await subject.api.get(subject.ref);
    if (!lease) throw new Error("the Lease is gone");
    await subject.api.replace({ ...lease, metadata: { ...lease.metadata, labels: { team: "platform" } } });
    await subject.pass(2);
    expect(first.isHolder()).toBe(true);
    expect((await subject.api.get(subject.ref))?.metadata.labels).toEqual({ team: "platform" });
  });

  test("waiting ends when it is told to", async () => {
    await acquired("a");
    const second = asking("b");
    await subject.pass(0.3);
    second.stop.abort();
    await second.settled;
    expect(isAppError(second.state.error, "cancelled")).toBe(true);
  });

  test("release without holding does nothing", async () => {
    await subject.holder("nobody").release();
    expect(await subject.api.get(subject.ref)).toBeNull();
  });
}
