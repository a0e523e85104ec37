import type { ClusterId } from "@muster/shared/model/ids.ts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  APP,
  cluster,
  digestOf,
  EPOCH_1,
  EPOCH_2,
  healthy,
  intent,
  leavingPair,
  letGo,
  member,
  NOW,
  pin,
  release,
  releases,
  run,
  sha,
} from "../testing/facts.ts";
import { assignShards } from "./assign-shards.ts";
import { deriveAssignment } from "./derive-assignment.ts";
import type { AssignedEntry, AssignedShard } from "./documents/assigned.ts";
import { type Decision, type FleetMember, planRollout, type RolloutFacts } from "./plan-rollout.ts";
import type { RemovalVerdict } from "./removal-brake.ts";

const a = cluster("a");
const b = cluster("b");

interface World {
  intent?: RolloutFacts["intent"];
  placed?: ClusterId[];
  assigned?: [ClusterId, AssignedEntry][];
  fleet?: FleetMember[];
  onUnplaced?: "delete" | "keep";
  removals?: RolloutFacts["removals"];
}

const plan = ({
  intent: intended = intent(),
  placed = [a],
  assigned = [],
  fleet,
  onUnplaced = "delete",
  removals,
}: World) =>
  planRollout({
    intent: intended,
    releases: releases(release(1), release(2), release(3)),
    variants: new Map(),
    placed: new Set(placed),
    onUnplaced,
    assigned: new Map(assigned),
    fleet: new Map((fleet ?? [member(a), member(b)]).map((one) => [one.id, one])),
    ...letGo(intended.deletion ? [a, b] : [a, b].filter((id) => !placed.includes(id))),
    ...(removals === undefined ? {} : { removals }),
    now: NOW,
  });
const told = (decisions: readonly Decision[]) =>
  decisions.map((decision) =>
    decision.kind === "assign"
      ? [decision.cluster, decision.generation, decision.content.kind === "run" ? decision.content.release : "remove"]
      : [decision.cluster, decision.kind === "hold" ? decision.code : decision.kind],
  );

describe("planRollout", () => {
  it("gives a placed cluster what Git says, at the App's sequence", () => {
    const { decisions, needsSequence } = plan({ intent: intent({ sequence: 4 }), placed: [a, b] });
    expect(told(decisions)).toEqual([
      ["a", 4, 1],
      ["b", 4, 1],
    ]);
    expect(needsSequence).toBe(false);
  });

  it("gives nothing to a cluster that has it, and asks for a higher sequence before it gives something else", () => {
    const assigned: World["assigned"] = [[a, run(1)]];
    expect(told(plan({ assigned }).decisions)).toEqual([["a", "UpToDate"]]);
    expect(plan({ assigned, intent: intent({ candidate: 2, sequence: 1 }) }).needsSequence).toBe(true);
    const raised = plan({ assigned, intent: intent({ candidate: 2, sequence: 2 }) });
    expect(raised.needsSequence).toBe(false);
    expect(told(raised.decisions)).toEqual([["a", 2, 2]]);
  });

  it("prefers the pin to Git, and says that it goes back", () => {
    const { decisions } = plan({
      intent: intent({ candidate: 3, sequence: 9, pin: pin({ release: 1 }) }),
      assigned: [[a, run(3)]],
    });
    expect(decisions).toMatchObject([{ kind: "assign", content: { release: 1, direction: "back" } }]);
  });

  it("has nothing to give without a Release, and removes nothing for it", () => {
    const { decisions } = plan({ intent: intent({ candidate: null }), assigned: [[a, run(1)]] });
    expect(told(decisions)).toEqual([["a", "NoRelease"]]);
  });

  it.each(["delete", "keep"] as const)("tells a cluster that left to %s", (onUnplaced) => {
    const { decisions } = plan({ placed: [], assigned: [[a, run(1)]], onUnplaced, intent: intent({ sequence: 2 }) });
    expect(decisions).toMatchObject([{ kind: "assign", content: { kind: "remove", action: onUnplaced } }]);
  });

  describe("what the brake does not let go", () => {
    const leaving = { since: NOW, cause: "definition" as const };
    const marked = run(1, { leaving });
    const of = (kind: RemovalVerdict["kind"]): RolloutFacts["removals"] =>
      new Map([
        [a, { kind, pair: leavingPair(a), until: NOW + 5, approval: "ap-1", reason: "many" } as RemovalVerdict],
      ]);

    it.each([
      ["grace", "RemovalInGrace", NOW + 5],
      ["waits", "RemovalWaits", null],
      ["denied", "RemovalDenied", null],
    ] as const)("keeps what it was assigned (%s), marked once, though there is a newer Release", (kind, code, at) => {
      const world: World = { placed: [], intent: intent({ candidate: 2, sequence: 2 }), removals: of(kind) };
      const first = plan({ ...world, assigned: [[a, run(1)]] });
      expect(first.decisions).toMatchObject([
        { kind: "mark", leaving },
        { kind: "hold", code },
      ]);
      const again = plan({ ...world, assigned: [[a, marked]] });
      expect(told(again.decisions)).toEqual([["a", code]]);
      expect(again).toMatchObject({ needsSequence: false, recheckAt: at });
    });

    it("stays when the brake says nothing of it", () => {
      const { decisions } = plan({ placed: [], assigned: [[a, run(1)]], removals: new Map() });
      expect(told(decisions)).toEqual([["a", "RemovalWaits"]]);
    });

    it("loses its mark when it comes back, with a newer Release or without", () => {
      const back = plan({ assigned: [[a, marked]], removals: new Map() });
      expect(back.decisions).toMatchObject([
        { kind: "mark", leaving: null },
        { kind: "hold", code: "UpToDate" },
      ]);
      const shards = [{ app: APP.uid, shard: 0, term: 1, clusters: { [a]: marked } }];
      const input = { app: APP.uid, term: 1, shards, payloadOf: () => sha("f"), now: NOW };
      const [shard] = assignShards({ ...input, decisions: back.decisions });
      expect(shard?.clusters[a]).toEqual(run(1));
      const moved = plan({ assigned: [[a, marked]], intent: intent({ candidate: 2, sequence: 2 }) });
      const [next] = assignShards({ ...input, decisions: moved.decisions });
      expect(next?.clusters[a]).not.toHaveProperty("leaving");
    });

    it("tells the agent by whose approval it goes", () => {
      const approved: RemovalVerdict = { kind: "pass", pair: leavingPair(a), approval: "ap-1", objectsMax: 20 };
      const world: World = { placed: [], intent: intent({ sequence: 2 }), removals: new Map([[a, approved]]) };
      const { decisions } = plan({ ...world, assigned: [[a, marked]] });
      const removal = { approval: "ap-1", objectsMax: 20 };
      expect(decisions).toMatchObject([{ kind: "assign", content: { kind: "remove", removal } }]);
    });
  });

  it("ends with a confirmed tombstone, and not with a report of something else", () => {
    const leaving = run(2, { content: { kind: "remove", action: "delete" } });
    const of = (observed: FleetMember["observed"]) =>
      told(plan({ placed: [], assigned: [[a, leaving]], fleet: [member(a, { observed })] }).decisions);
    expect(of(null)).toEqual([["a", "UpToDate"]]);
    expect(of(healthy(run(1)))).toEqual([["a", "UpToDate"]]);
    expect(of(healthy(leaving, { generation: 1 }))).toEqual([["a", "UpToDate"]]);
    expect(of(healthy(leaving))).toEqual([["a", "confirm"]]);
  });

  it("of a deleted App, tells every cluster, and is gone when all confirmed or were removed", () => {
    const deleted = intent({ sequence: 3, deletion: { action: "delete", by: "ada", at: NOW } });
    const leaving = run(3, { content: { kind: "remove", action: "delete" } });
    const first = plan({
      intent: deleted,
      assigned: [
        [a, run(1)],
        [b, run(1)],
      ],
    });
    expect(told(first.decisions)).toEqual([
      ["a", 3, "remove"],
      ["b", 3, "remove"],
    ]);
    expect(first.isGone).toBe(false);
    const fleet = [member(a, { observed: healthy(leaving) }), member(b, { isRevoked: true })];
    expect(
      plan({
        intent: deleted,
        placed: [],
        assigned: [
          [a, leaving],
          [b, leaving],
        ],
        fleet,
      }).isGone,
    ).toBe(true);
    expect(plan({ intent: deleted, placed: [], fleet: [] }).isGone).toBe(true);
  });

  it("gives a cluster that is Ahead nothing, until an epoch above what it holds", () => {
    const ahead = { report: null, ahead: { epoch: EPOCH_1, generation: 9 } };
    const fleet = [member(a, { observed: ahead })];
    const assigned: World["assigned"] = [[a, run(1)]];
    expect(told(plan({ fleet, assigned, intent: intent({ candidate: 3, sequence: 99 }) }).decisions)).toEqual([
      ["a", "Ahead"],
    ]);
    const deleted = intent({ sequence: 99, deletion: { action: "delete", by: "ada", at: NOW } });
    expect(told(plan({ fleet, assigned, intent: deleted }).decisions)).toEqual([["a", "Ahead"]]);
    const fresh = plan({ fleet, assigned, intent: intent({ sequence: 10, epoch: EPOCH_2 }) });
    expect(fresh.decisions).toMatchObject([{ kind: "assign", epoch: EPOCH_2, generation: 10 }]);
    const answered: World["assigned"] = [[a, run(1, { epoch: EPOCH_2, generation: 10 })]];
    expect(
      told(plan({ fleet, assigned: answered, intent: intent({ sequence: 10, epoch: EPOCH_2 }) }).decisions),
    ).toEqual([["a", "UpToDate"]]);
  });

  it("recovers only the clusters that are named", () => {
    const ahead = { report: null, ahead: { epoch: EPOCH_1, generation: 9 } };
    const fleet = [member(a, { observed: ahead }), member(b, { observed: ahead })];
    const recovery = { sequence: 10, epoch: EPOCH_2, clusters: [b] };
    const { decisions } = plan({
      fleet,
      placed: [a, b],
      assigned: [
        [a, run(1)],
        [b, run(1)],
      ],
      intent: intent({ sequence: 10, recovery }),
    });
    expect(decisions).toMatchObject([
      { cluster: "a", code: "Ahead" },
      { cluster: "b", epoch: EPOCH_2, generation: 10 },
    ]);
  });

  it.each<[string, Partial<FleetMember>, Partial<FleetMember>, number | null]>([
    ["all Healthy", { observed: healthy(run(1)) }, { observed: healthy(run(1)) }, 1],
    ["one silent", { observed: healthy(run(1)) }, { observed: null }, null],
    ["one Progressing", { observed: healthy(run(1)) }, { observed: healthy(run(1), { health: "Progressing" }) }, null],
    [
      "one of an earlier generation",
      { observed: healthy(run(1)) },
      { observed: healthy(run(1), { generation: 7 }) },
      null,
    ],
    [
      "one of another digest",
      { observed: healthy(run(1)) },
      { observed: healthy(run(1), { digest: digestOf("f") }) },
      null,
    ],
    ["one not yet applied", { observed: healthy(run(1)) }, { observed: healthy(run(1), { phase: "Applying" }) }, null],
    ["one offline", { observed: healthy(run(1)) }, { isConnected: false }, 1],
    ["all offline", { isConnected: false, observed: healthy(run(1)) }, { isConnected: false }, null],
  ])("completes a Release only on reports for that digest and generation: %s", (_what, one, other, expected) => {
    const { completes } = plan({
      placed: [a, b],
      assigned: [
        [a, run(1)],
        [b, run(1)],
      ],
      fleet: [member(a, one), member(b, other)],
    });
    expect(completes).toBe(expected);
  });
});

describe("whatever happens", () => {
  const ids = ["a", "b", "c"].map(cluster);
  const step = fc.record({
    candidate: fc.integer({ min: 1, max: 3 }),
    pinned: fc.option(fc.integer({ min: 1, max: 3 })),
    placed: fc.subarray(ids),
    revoked: fc.subarray(ids, { maxLength: 1 }),
    epoch: fc.constantFrom(EPOCH_1, EPOCH_1, EPOCH_2),
    ahead: fc.option(fc.record({ cluster: fc.constantFrom(...ids), generation: fc.integer({ min: 1, max: 50 }) })),
    deletes: fc.integer({ min: 0, max: 30 }).map((chance) => chance === 30),
  });

  /** Carries plans out as the driver does: raise the sequence when the plan asks for it, then assign. */
  it("no mark goes down or is used twice, and equal facts give equal plans and bytes", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
        let intended = intent({ sequence: 1, candidate: 1 });
        let shards: readonly AssignedShard[] = [];
        const given = new Map<string, string>();
        for (const one of steps) {
          intended = {
            ...intended,
            sequence: intended.sequence + 1,
            epoch: one.epoch.number > intended.epoch.number ? one.epoch : intended.epoch,
            stages: [{ name: "all", current: null, candidate: one.candidate, completed: null }],
            pin: one.pinned === null ? null : pin({ release: one.pinned }),
            deletion: intended.deletion ?? (one.deletes ? { action: "delete", by: "ada", at: NOW } : null),
          };
          const facts = (): RolloutFacts => ({
            intent: intended,
            releases: releases(release(1), release(2), release(3)),
            variants: new Map(),
            placed: new Set(one.placed.filter((id) => !one.revoked.includes(id))),
            onUnplaced: "delete",
            ...letGo(ids),
            assigned: new Map(
              shards.flatMap(({ clusters }) => Object.entries(clusters) as [ClusterId, AssignedEntry][]),
            ),
            fleet: new Map(
              ids.map((id) => {
                const isAhead = one.ahead?.cluster === id;
                const ahead = isAhead ? { epoch: EPOCH_1, generation: one.ahead?.generation ?? 1 } : null;
                return [id, member(id, { isRevoked: one.revoked.includes(id), observed: { report: null, ahead } })];
              }),
            ),
            now: NOW,
          });
          let planned = planRollout(facts());
          expect(planRollout(facts())).toEqual(planned);
          if (planned.needsSequence) {
            intended = { ...intended, sequence: intended.sequence + 1 };
            planned = planRollout(facts());
            expect(planned.needsSequence).toBe(false);
          }
          const before = facts().assigned;
          for (const decision of planned.decisions) {
            if (decision.kind !== "assign") continue;
            const { cluster: id, generation, epoch, content } = decision;
            const entry = before.get(id);
            if (entry) {
              expect(generation).toBeGreaterThan(entry.generation);
              expect(epoch.number).toBeGreaterThanOrEqual(entry.epoch.number);
            }
            const found = content.kind === "run" ? release(content.release) : undefined;
            const derive = () =>
              JSON.stringify(
                deriveAssignment({ hubId: "hub-1" as never, cluster: id, app: APP, entry: decision, release: found }),
              );
            const text = derive();
            expect(derive()).toBe(text);
            const key = `${id} ${epoch.number} ${generation}`;
            expect(given.get(key) ?? text).toBe(text);
            given.set(key, text);
            if (one.ahead?.cluster === id) expect(epoch.number).toBeGreaterThan(EPOCH_1.number);
          }
          const changed = assignShards({
            app: APP.uid,
            term: 1,
            shards,
            decisions: planned.decisions,
            payloadOf: () => sha("0"),
            now: NOW,
          });
          const kept = shards.filter((shard) => changed.every((other) => other.shard !== shard.shard));
          shards = [...kept, ...changed];
          const assignedNow = planRollout(facts()).decisions.filter((decision) => decision.kind === "assign");
          expect(assignedNow).toEqual([]);
        }
      }),
      { numRuns: 150 },
    );
  });

  it("fills shards up to 256 clusters, and keeps every cluster where it is", () => {
    const many = Array.from({ length: 600 }, (_, index) => cluster(`c-${index}`));
    const decisions = many.map(
      (id): Decision => ({
        kind: "assign",
        cluster: id,
        epoch: EPOCH_1,
        generation: 1,
        content: { kind: "run", release: 1, digest: digestOf("1"), direction: "forward" },
        reason: "",
      }),
    );
    const assign = (shards: readonly AssignedShard[], list: readonly Decision[]) =>
      assignShards({ app: APP.uid, term: 1, shards, decisions: list, payloadOf: () => sha("0"), now: NOW });
    const shards = assign([], decisions);
    expect(shards.map(({ clusters }) => Object.keys(clusters).length)).toEqual([256, 256, 88]);
    const one = decisions.filter(({ cluster: id }) => id === many[300]);
    expect(assign(shards, one).map(({ shard }) => shard)).toEqual([1]);
    // The largest entries there can be still fit one document of the store.
    let [full] = shards as [AssignedShard, ...AssignedShard[]];
    const first = decisions.slice(0, 256);
    for (let round = 0; round < 4; round += 1) [full] = assign([full], first) as [AssignedShard];
    expect(JSON.stringify(full).length).toBeLessThan(256 * 1024);
  });
});
