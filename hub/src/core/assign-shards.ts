import type { Instant } from "@muster/shared/clock.ts";
import type { AppUid, ClusterId } from "@muster/shared/model/ids.ts";
import {
  ASSIGNED_HISTORY_MAX,
  type AssignedEntry,
  type AssignedShard,
  SHARD_CLUSTERS_MAX,
} from "./documents/assigned.ts";
import type { Decision } from "./plan-rollout.ts";

type Change = Exclude<Decision, { kind: "hold" }>;

/**
 * The shards that change when decisions are carried out, complete. A cluster stays in the shard it once got; a new
 * one goes into the first that has room. `payloadOf` gives the hash of the bytes that an `assign` will be sent as.
 */
export function assignShards(input: {
  app: AppUid;
  term: number;
  shards: readonly AssignedShard[];
  decisions: readonly Decision[];
  payloadOf: (decision: Extract<Decision, { kind: "assign" }>) => string;
  now: Instant;
}): readonly AssignedShard[] {
  const { app, term, shards, decisions, payloadOf, now } = input;
  const home = new Map<ClusterId, number>();
  const sizes = new Map<number, number>();
  for (const { shard, clusters } of shards) {
    const ids = Object.keys(clusters) as ClusterId[];
    sizes.set(shard, ids.length);
    for (const id of ids) home.set(id, shard);
  }
  const changed = new Map<number, AssignedShard>();
  for (const decision of decisions) {
    if (decision.kind === "hold") continue;
    const shard = home.get(decision.cluster) ?? firstWithRoom(sizes);
    if (!home.has(decision.cluster)) sizes.set(shard, (sizes.get(shard) ?? 0) + 1);
    const before = changed.get(shard) ??
      shards.find((candidate) => candidate.shard === shard) ?? { app, shard, term, clusters: {} };
    const entry = nextEntry(before.clusters[decision.cluster], decision, payloadOf, now);
    if (entry === null) continue;
    changed.set(shard, { ...before, term, clusters: { ...before.clusters, [decision.cluster]: entry } });
  }
  return [...changed.values()];
}

function firstWithRoom(sizes: ReadonlyMap<number, number>): number {
  for (let shard = 0; ; shard += 1) if ((sizes.get(shard) ?? 0) < SHARD_CLUSTERS_MAX) return shard;
}

function nextEntry(
  before: AssignedEntry | undefined,
  decision: Change,
  payloadOf: (decision: Extract<Decision, { kind: "assign" }>) => string,
  now: Instant,
): AssignedEntry | null {
  if (decision.kind === "mark") {
    if (before === undefined) return null;
    const { leaving: _, ...rest } = before;
    return decision.leaving == null ? rest : { ...rest, leaving: decision.leaving };
  }
  if (decision.kind === "confirm") {
    if (before?.content.kind !== "remove") return null;
    return { ...before, content: { ...before.content, kind: "removed" } };
  }
  const former =
    before === undefined
      ? []
      : [
          {
            epoch: before.epoch,
            generation: before.generation,
            release: before.content.kind === "run" ? before.content.release : null,
            payloadSha256: before.payloadSha256,
            ...(before.content.kind === "run" && before.content.variant ? { digest: before.content.digest } : {}),
          },
        ];
  return {
    epoch: decision.epoch,
    generation: decision.generation,
    payloadSha256: payloadOf(decision),
    since: now,
    content: decision.content,
    history: [...former, ...(before?.history ?? [])].slice(0, ASSIGNED_HISTORY_MAX),
  };
}
