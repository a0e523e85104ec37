import { isAppError } from "@muster/shared/errors.ts";
import type { CommitId } from "@muster/shared/model/ids.ts";
import { describe, expect, it } from "vitest";
import { cluster, digestOf, EPOCH_1, EPOCH_2, intent, NOW, pin, release, releases } from "../testing/facts.ts";
import { type AdvanceFacts, advanceIntent, complete } from "./advance-intent.ts";
import { type Intent, newIntent } from "./documents/intent.ts";
import { recoverIntent } from "./recover.ts";
import { deleteApp, resolveRelease, rollBack, unpin } from "./rollback.ts";

const ada = { kind: "person" as const, name: "ada@example.com", from: null };

const rendered = (over: Partial<NonNullable<AdvanceFacts["rendered"]>> = {}) => ({
  commit: "2".repeat(40) as CommitId,
  revision: 6,
  firstSeen: 6,
  sameAs: [2],
  freshIn: null,
  ...over,
});

describe("advanceIntent", () => {
  const facts = (over: Partial<AdvanceFacts> = {}): AdvanceFacts => ({
    newest: release(2),
    rendered: rendered(),
    hubEpoch: EPOCH_1,
    now: NOW,
    ...over,
  });

  it("takes the newest Release, raises the sequence and says so in the audit log", () => {
    const next = advanceIntent(intent({ sequence: 7 }), facts());
    expect(next).toMatchObject({
      sequence: 8,
      stages: [{ current: 2, candidate: 2 }],
      history: [{ release: 2, completed: false }],
      audit: [{ action: "AppAdvanced", id: "app.app-1.8", actor: { kind: "hub" } }],
    });
  });

  it("changes nothing when there is nothing new, or the App is deleted", () => {
    expect(advanceIntent(intent({ candidate: 2 }), facts())).toBeNull();
    expect(advanceIntent(intent({ deletion: { action: "keep", by: "ada", at: NOW } }), facts())).toBeNull();
  });

  it("notes what Git says under a pin, and holds", () => {
    const next = advanceIntent(intent({ pin: pin() }), facts());
    expect(next).toMatchObject({ pin: { release: 1 }, stages: [{ current: 1, candidate: 2 }] });
  });

  const meets = rendered({ sameAs: [1, 3] });
  const r3 = release(3);
  it.each<[string, Intent["pin"], Partial<AdvanceFacts>, boolean]>([
    ["a later Revision that renders to the pinned digest", pin(), { rendered: meets, newest: r3 }, true],
    ["before its Release is there", pin(), { rendered: meets, newest: release(2) }, false],
    ["a Revision from before the pin", pin({ revision: 6 }), { rendered: meets, newest: r3 }, false],
    ["a commit that was seen before and came back", pin(), { rendered: { ...meets, firstSeen: 3 }, newest: r3 }, false],
    ["another digest", pin(), {}, false],
    ["a pin that no rollback made", pin({ fromRollback: false }), { rendered: meets, newest: r3 }, false],
    ["nothing rendered since the start", pin(), { rendered: null, newest: r3 }, false],
  ])("lifts a pin or not: %s", (_what, held, over, lifts) => {
    const next = advanceIntent(intent({ candidate: 2, pin: held }), facts(over));
    expect(next !== null && next.pin === null).toBe(lifts);
  });

  it("takes the App into the hub's epoch with a fresh commit only", () => {
    const fresh = rendered({ freshIn: 2 });
    expect(advanceIntent(intent(), facts({ hubEpoch: EPOCH_2, rendered: fresh }))?.epoch).toEqual(EPOCH_2);
    expect(advanceIntent(intent(), facts({ hubEpoch: EPOCH_2 }))?.epoch).toEqual(EPOCH_1);
    const other = rendered({ freshIn: 2, commit: "9".repeat(40) as CommitId });
    expect(advanceIntent(intent(), facts({ hubEpoch: EPOCH_2, rendered: other }))?.epoch).toEqual(EPOCH_1);
  });
});

describe("resolveRelease", () => {
  const all = releases(
    release(1, { commit: "abc1234".padEnd(40, "0") }),
    release(2, { commit: "abc1235".padEnd(40, "0") }),
    release(3, { commit: "abc1235".padEnd(40, "0"), digest: digestOf("9") }),
  );
  const of = (...past: [number, boolean][]): Intent => ({
    ...intent({ candidate: past.at(-1)?.[0] ?? null }),
    history: past.map(([number, completed]) => ({ release: number, since: NOW, completed })),
  });

  it.each<[string, Intent, number]>([
    ["r2", of([3, false]), 2],
    ["abc1234", of([3, false]), 1],
    ["abc1235", of([3, false]), 3],
    ["previous", of([1, true], [2, true], [3, false]), 2],
    // A release that never became Healthy is not what people mean by the one before.
    ["previous", of([1, true], [2, false], [3, false]), 1],
    ["previous", of([1, false], [2, false], [3, false]), 2],
    ["previous", of([1, true], [2, true], [1, true]), 2],
  ])("%s", (to, intended, expected) => {
    expect(resolveRelease(to, intended, all).number).toBe(expected);
  });

  it.each<[string, string]>([
    ["r9", "not-found"],
    ["fffffff", "not-found"],
    ["abc123", "invalid"],
    ["", "invalid"],
    ["R1", "invalid"],
    ["previous", "not-found"],
  ])("refuses %j as %s, with a fix", (to, code) => {
    try {
      resolveRelease(to, of([1, true]), all);
      expect.unreachable();
    } catch (error) {
      expect(isAppError(error, code as never) && error.fix).toBeTruthy();
    }
  });

  it("refuses a beginning of several commits", () => {
    const two = releases(
      release(1, { commit: "abc12340".padEnd(40, "0") }),
      release(2, { commit: "abc12341".padEnd(40, "0") }),
    );
    expect(() => resolveRelease("abc1234", of([2, true]), two)).toThrow("2 commits");
  });
});

describe("what people do to an App", () => {
  it("each raises the sequence once and leaves one audit entry by them", () => {
    const before = intent({ candidate: 2, sequence: 5 });
    const back = rollBack(before, { to: release(1), reason: "errors", actor: ada, revision: 6, now: NOW });
    expect(back).toMatchObject({
      sequence: 6,
      pin: { release: 1, revision: 6 },
      stages: [{ current: 1, candidate: 2 }],
    });
    const lifted = unpin(back, { reason: "fixed", actor: ada, now: NOW });
    expect(lifted).toMatchObject({ sequence: 7, pin: null, stages: [{ current: 2 }] });
    const gone = deleteApp(lifted, { action: "delete", actor: ada, now: NOW });
    expect(gone).toMatchObject({ sequence: 8, deletion: { action: "delete" } });
    expect(gone.audit.map(({ action, actor }) => [action, actor.name])).toEqual([
      ["AppRolledBack", ada.name],
      ["AppUnpinned", ada.name],
      ["AppDeleted", ada.name],
    ]);
    expect(deleteApp(gone, { action: "keep", actor: ada, now: NOW })).toBe(gone);
    expect(() => unpin(lifted, { reason: "again", actor: ada, now: NOW })).toThrow("not pinned");
  });

  it("marks a Release as completed without raising the sequence", () => {
    const before = { ...intent({ sequence: 5 }), history: [{ release: 1, since: NOW, completed: false }] };
    expect(complete(before, 1)).toMatchObject({
      sequence: 5,
      stages: [{ completed: 1 }],
      history: [{ completed: true }],
    });
  });

  it("recovers once for each operation, above what was shown", () => {
    const input = {
      operation: "op-1",
      clusters: null,
      above: 40,
      epoch: EPOCH_2,
      reason: "restored",
      by: "ada",
      now: NOW,
    };
    const next = recoverIntent(intent({ sequence: 5 }), input);
    expect(next).toMatchObject({ sequence: 41, epoch: EPOCH_2, operations: ["op-1"] });
    expect(recoverIntent(next, input)).toBe(next);
    const named = recoverIntent(intent(), { ...input, clusters: [cluster("a")] });
    expect(named).toMatchObject({ epoch: EPOCH_1, recovery: { clusters: ["a"], epoch: EPOCH_2 } });
    const both = recoverIntent(named, { ...input, operation: "op-2", clusters: [cluster("b")] });
    expect(both.recovery?.clusters).toEqual(["a", "b"]);
  });

  it("keeps an intent with a long history under 64 KiB", () => {
    let long = newIntent(intent().app, { term: 1, epoch: EPOCH_1 });
    for (let round = 0; round < 60; round += 1) {
      const reason = "x".repeat(500);
      long = { ...rollBack(long, { to: release((round % 9) + 1), reason, actor: ada, revision: 1, now: NOW }) };
      long = { ...long, audit: long.audit.slice(-24) };
    }
    const clusters = Array.from({ length: 500 }, (_, index) => cluster(`c-${String(index).padStart(16, "0")}`));
    long = recoverIntent(long, {
      operation: "op",
      clusters,
      above: 1,
      epoch: EPOCH_2,
      reason: "r",
      by: "ada",
      now: NOW,
    });
    expect(JSON.stringify(long).length).toBeLessThan(64 * 1024);
  });
});
