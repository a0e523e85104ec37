import type { AppUid, ClusterId } from "@muster/shared/model/ids.ts";
import { describe, expect, it } from "vitest";
import {
  actionOf,
  decideRemovals,
  type LeavingPair,
  REMOVAL_GUARD,
  REMOVAL_WINDOW_MS,
  type RemovalCause,
  type RemovalFacts,
  type StandingApproval,
  TOGETHER,
} from "./removal-brake.ts";

const NOW = 1_700_000_000_000;
const MINUTE = 60_000;
const shop = "shop" as AppUid;
const bank = "bank" as AppUid;

const pair = (number: number, over: Partial<LeavingPair> = {}): LeavingPair => ({
  app: shop,
  cluster: `c-${number}` as ClusterId,
  cause: "definition",
  since: NOW,
  graceMs: 0,
  objects: 1,
  changes: 1,
  ...over,
});
const pairs = (count: number, over: Partial<LeavingPair> = {}, from = 0): LeavingPair[] =>
  Array.from({ length: count }, (_, index) => pair(from + index, over));
const decide = (leaving: readonly LeavingPair[], over: Partial<RemovalFacts> = {}) =>
  decideRemovals({
    guard: REMOVAL_GUARD,
    now: NOW,
    pairsTotal: 100,
    inventoryOf: () => 1_000,
    leaving,
    passed: [],
    approvals: [],
    ...over,
  });
/** An approval as it was asked for these pairs. */
const approval = (over: Partial<StandingApproval> & { of: readonly LeavingPair[] }): StandingApproval => {
  const { of, ...rest } = over;
  const named = new Map<AppUid, { changes: number; clusters: Set<ClusterId> }>();
  for (const { app, cluster, changes } of of) {
    const ofApp = named.get(app) ?? { changes, clusters: new Set() };
    ofApp.clusters.add(cluster);
    named.set(app, ofApp);
  }
  const [first] = of;
  return {
    id: "ap-1",
    key: first === undefined ? TOGETHER : actionOf(first),
    state: "pending",
    created: NOW,
    passedBefore: 0,
    pairs: named,
    ...rest,
  };
};
/** How many of each verdict: `{ pass: 3, waits: 50 }`. */
const told = (plan: ReturnType<typeof decide>) => {
  const counts: Record<string, number> = {};
  for (const ofApp of plan.verdicts.values()) {
    for (const { kind } of ofApp.values()) counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
};
const passed = (count: number) =>
  Array.from({ length: count }, (_, index) => ({
    app: shop,
    cluster: `gone-${index}` as ClusterId,
    objects: 1,
    at: NOW - MINUTE,
  }));
const relabelled = (count: number, over: Partial<LeavingPair> = {}, from = 0) =>
  pairs(count, { cause: "labels", ...over }, from);

describe("the guard", () => {
  it.each<[string, LeavingPair[], Partial<RemovalFacts>, object]>([
    ["nothing leaves", [], {}, {}],
    ["ten of a hundred", pairs(10), {}, { pass: 10 }],
    ["eleven of a hundred", pairs(11), {}, { waits: 11 }],
    ["five per cent of a thousand", pairs(50), { pairsTotal: 1_000 }, { pass: 50 }],
    ["more than five per cent of a thousand", pairs(51), { pairsTotal: 1_000 }, { waits: 51 }],
    ["twenty objects of a small App", [pair(1, { objects: 20 })], { inventoryOf: () => 30 }, { pass: 1 }],
    ["more objects than twenty", [pair(1, { objects: 21 })], { inventoryOf: () => 30 }, { waits: 1 }],
    ["a tenth of a large inventory", [pair(1, { objects: 100 })], {}, { pass: 1 }],
    ["more than a tenth of it, over several clusters", pairs(4, { objects: 26 }), {}, { waits: 4 }],
    ["a deletion like any other", pairs(11, { cause: "deletion" }), {}, { waits: 11 }],
    ["a stricter guard", pairs(1), { guard: { ...REMOVAL_GUARD, pairs: 0, pairsPercent: 0 } }, { waits: 1 }],
    [
      "one action beside another that is too much",
      [...pairs(50), ...pairs(3, { app: bank }, 50)],
      {},
      { pass: 3, waits: 50 },
    ],
    [
      "all Apps of one cluster",
      pairs(11).map((_, i) => pair(1, { app: `a${i}` as AppUid, cause: "labels" })),
      {},
      { waits: 11 },
    ],
    ["fifty labels changed one by one", relabelled(50), {}, { waits: 50 }],
    ["ten labels", relabelled(10), {}, { pass: 10 }],
    ["five labels after six had gone", relabelled(5), { passed: passed(6) }, { waits: 5 }],
    [
      "twelve Apps with one cluster each",
      pairs(12).map((one, i) => ({ ...one, app: `a${i}` as AppUid })),
      {},
      { waits: 12 },
    ],
  ])("%s", (_what, leaving, over, counts) => {
    expect(told(decide(leaving, over))).toEqual(counts);
  });

  it("lets what an heir owns by now go, and counts it no more", () => {
    const gone = pairs(50, { cause: "deletion", isSucceeded: true });
    expect(told(decide([...gone, ...pairs(10, { app: bank }, 50)]))).toEqual({ pass: 60 });
    const { close } = decide(gone, { approvals: [approval({ of: gone })] });
    expect(close).toMatchObject([{ as: "withdrawn", reason: "Nothing of what it named is to go any more." }]);
  });

  it("asks once for each action, and once for all the small ones", () => {
    const { asks } = decide([...pairs(11), ...relabelled(11, { app: bank })]);
    expect(asks.map(({ key, pairs: of }) => [key, of.length])).toEqual([
      ["definition/shop", 11],
      [TOGETHER, 11],
    ]);
    expect(asks[0]?.reason).toBe("11 placements would go at once, and more than 10 need a person's approval");
  });
});

describe("grace", () => {
  it("keeps the App until it is over, approved or not", () => {
    const [one] = pairs(1, { graceMs: 10 * MINUTE });
    const later = (ms: number, over: Partial<RemovalFacts> = {}) =>
      decide([one as LeavingPair], { now: NOW + ms, ...over });
    expect(later(0)).toMatchObject({ recheckAt: NOW + 10 * MINUTE });
    expect(told(later(10 * MINUTE - 1))).toEqual({ grace: 1 });
    expect(told(later(10 * MINUTE))).toEqual({ pass: 1 });
    const granted = approval({ of: [one as LeavingPair], state: "granted" });
    expect(told(later(0, { approvals: [granted] }))).toEqual({ grace: 1 });
  });

  it("does not hide that it is too much", () => {
    expect(told(decide(pairs(11, { graceMs: 10 * MINUTE })))).toEqual({ waits: 11 });
  });

  it("counts what trickles in: each is looked at while those before it still wait", () => {
    const trickle = (count: number, now: number) =>
      Array.from({ length: count }, (_, i) =>
        pair(i, { cause: "labels", since: NOW + i * MINUTE, graceMs: 10 * MINUTE }),
      ).filter(({ since }) => since <= now);
    const at = NOW + 9 * MINUTE;
    expect(told(decide(trickle(50, at), { now: at }))).toEqual({ grace: 10 });
    expect(told(decide(trickle(50, at + MINUTE), { now: at + MINUTE }))).toEqual({ waits: 11 });
  });
});

describe("an approval", () => {
  const fifty = pairs(50);

  it("waits for a person under the id that was asked for, and is asked once", () => {
    const { asks, close, verdicts } = decide(fifty, { approvals: [approval({ of: fifty })] });
    expect({ asks, close }).toEqual({ asks: [], close: [] });
    expect(verdicts.get(shop)?.get("c-1" as ClusterId)).toMatchObject({ kind: "waits", approval: "ap-1" });
  });

  it("granted, lets exactly those go, by its id", () => {
    const { verdicts } = decide(fifty, { approvals: [approval({ of: fifty, state: "granted" })] });
    expect(
      [...(verdicts.get(shop)?.values() ?? [])].every((one) => one.kind === "pass" && one.approval === "ap-1"),
    ).toBe(true);
  });

  it("is no approval of one more by the same action", () => {
    const more = pairs(51);
    const plan = decide(more, { approvals: [approval({ of: fifty, state: "granted" })] });
    expect(told(plan)).toEqual({ pass: 50, waits: 1 });
    expect(plan.asks.map(({ pairs: of }) => of)).toEqual([[more[50]]]);
  });

  it("that waits is replaced when more is to go", () => {
    const { asks, close } = decide(pairs(51), { approvals: [approval({ of: fifty })] });
    expect(asks).toMatchObject([{ replaces: "ap-1" }]);
    expect(asks[0]?.pairs).toHaveLength(51);
    expect(close).toMatchObject([{ id: "ap-1", as: "withdrawn" }]);
  });

  it.each<[string, LeavingPair[], object]>([
    ["everything came back", [], {}],
    ["what is left needs none", pairs(3), { pass: 3 }],
  ])("is withdrawn by itself when %s", (_what, left, counts) => {
    const plan = decide(left, { approvals: [approval({ of: fifty })] });
    expect(told(plan)).toEqual(counts);
    expect(plan.close).toMatchObject([{ id: "ap-1", as: "withdrawn" }]);
  });

  it("is used up when nothing of it is left", () => {
    expect(decide([], { approvals: [approval({ of: fifty, state: "granted" })] }).close).toMatchObject([
      { as: "used" },
    ]);
  });

  it("does not cover a cluster that came back and left again", () => {
    const again = fifty.map((one) => ({ ...one, since: NOW + 1 }));
    const plan = decide(again, { now: NOW + 1, approvals: [approval({ of: fifty, state: "granted" })] });
    expect(told(plan)).toEqual({ waits: 50 });
  });

  it("denied, keeps them until the definition changes", () => {
    const denied = approval({ of: fifty, state: "denied" });
    const later = { now: NOW + 100 * REMOVAL_WINDOW_MS, approvals: [denied] };
    expect(told(decide(fifty, later))).toEqual({ denied: 50 });
    const changed = decide(
      fifty.map((one) => ({ ...one, changes: 2 })),
      later,
    );
    expect(told(changed)).toEqual({ waits: 50 });
    expect(changed.asks).toHaveLength(1);
  });

  it("denied, does not count against what else leaves", () => {
    const approvals = [approval({ of: fifty, state: "denied" })];
    expect(told(decide([...fifty, ...pairs(2, {}, 50)], { approvals }))).toEqual({ denied: 50, pass: 2 });
  });
});

describe("small actions together", () => {
  it("stay waiting though the window has moved on, and let a later one go by itself", () => {
    const waiting = relabelled(5);
    const asked = approval({ of: waiting, key: TOGETHER, passedBefore: 6 });
    const now = NOW + 2 * REMOVAL_WINDOW_MS;
    const later = pair(90, { cause: "labels", since: now });
    expect(told(decide([...waiting, later], { now, approvals: [asked] }))).toEqual({ waits: 5, pass: 1 });
  });

  it("are joined by what comes soon after", () => {
    const waiting = relabelled(11);
    const next = pair(90, { cause: "labels", since: NOW + MINUTE });
    const plan = decide([...waiting, next], {
      now: NOW + MINUTE,
      approvals: [approval({ of: waiting, key: TOGETHER })],
    });
    expect(told(plan)).toEqual({ waits: 12 });
    expect(plan.asks).toMatchObject([{ key: TOGETHER, replaces: "ap-1" }]);
  });

  it("need no approval any more when enough came back", () => {
    const plan = decide(relabelled(10), { approvals: [approval({ of: relabelled(11), key: TOGETHER })] });
    expect(told(plan)).toEqual({ pass: 10 });
    expect(plan.close).toMatchObject([{ as: "withdrawn" }]);
  });

  it.each<[RemovalCause, string]>([
    ["labels", "labels/c-1"],
    ["definition", "definition/shop"],
    ["deletion", "deletion/shop"],
  ])("by %s, are one action by %s", (cause, key) => {
    expect(actionOf(pair(1, { cause }))).toBe(key);
  });
});
