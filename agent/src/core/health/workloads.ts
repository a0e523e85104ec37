import { type Live, numberOr, objectAt } from "../live.ts";
import {
  awaitsController,
  conditionOf,
  degraded,
  healthy,
  type Judgement,
  progressing,
  say,
  spec,
  status,
  suspended,
} from "./verdict.ts";

export function deploymentHealth(live: Live): Judgement {
  const waiting = awaitsController(live);
  if (waiting) return waiting;
  const stuck = conditionOf(live, "Progressing");
  if (stuck?.status === "False") return degraded(say(stuck));
  const wanted = numberOr(spec(live).replicas, 1);
  const replicas = numberOr(status(live).replicas, 0);
  const updated = numberOr(status(live).updatedReplicas, 0);
  const available = numberOr(status(live).availableReplicas, 0);
  const blocked = conditionOf(live, "ReplicaFailure");
  const cause = blocked?.status === "True" ? ` (${say(blocked)})` : "";
  if (spec(live).paused === true && updated < wanted) return suspended(`paused with ${updated}/${wanted} updated`);
  if (updated < wanted) return progressing(`${updated}/${wanted} updated${cause}`);
  if (replicas > updated) return progressing(`${replicas - updated} old replicas are to end`);
  if (available < wanted) return progressing(`${available}/${wanted} ready${cause}`);
  return healthy(`${available}/${wanted} ready`);
}

export function statefulSetHealth(live: Live): Judgement {
  const waiting = awaitsController(live);
  if (waiting) return waiting;
  const wanted = numberOr(spec(live).replicas, 1);
  const ready = numberOr(status(live).readyReplicas, 0);
  const available = numberOr(status(live).availableReplicas, ready);
  const updated = numberOr(status(live).updatedReplicas, 0);
  const strategy = objectAt(live, "spec", "updateStrategy");
  if (Math.min(ready, available) < wanted) return progressing(`${Math.min(ready, available)}/${wanted} ready`);
  if (numberOr(status(live).replicas, wanted) > wanted) return progressing("surplus replicas are to end");
  if (strategy.type === "OnDelete") return healthy(`${ready}/${wanted} ready; updates wait for a deletion by hand`);
  const partition = numberOr(objectAt(strategy, "rollingUpdate").partition, 0);
  const toUpdate = Math.max(0, wanted - partition);
  if (updated < toUpdate) return progressing(`${updated}/${toUpdate} updated`);
  if (partition === 0 && status(live).currentRevision !== status(live).updateRevision) {
    return progressing("the new revision is not the current one yet");
  }
  return healthy(`${ready}/${wanted} ready`);
}

export function daemonSetHealth(live: Live): Judgement {
  const waiting = awaitsController(live);
  if (waiting) return waiting;
  const wanted = numberOr(status(live).desiredNumberScheduled, 0);
  const updated = numberOr(status(live).updatedNumberScheduled, 0);
  const available = numberOr(status(live).numberAvailable, 0);
  const onDelete = objectAt(live, "spec", "updateStrategy").type === "OnDelete";
  if (!onDelete && updated < wanted) return progressing(`${updated}/${wanted} updated`);
  if (available < wanted) return progressing(`${available}/${wanted} ready`);
  return healthy(`${available}/${wanted} ready`);
}

export function replicaSetHealth(live: Live): Judgement {
  const waiting = awaitsController(live);
  if (waiting) return waiting;
  const wanted = numberOr(spec(live).replicas, 1);
  const available = numberOr(status(live).availableReplicas, 0);
  const blocked = conditionOf(live, "ReplicaFailure");
  if (blocked?.status === "True") return degraded(say(blocked));
  return available < wanted ? progressing(`${available}/${wanted} ready`) : healthy(`${available}/${wanted} ready`);
}

export function jobHealth(live: Live): Judgement {
  const failed = conditionOf(live, "Failed");
  if (failed?.status === "True") return degraded(say(failed));
  const failing = conditionOf(live, "FailureTarget");
  if (failing?.status === "True") return degraded(say(failing));
  if (conditionOf(live, "Complete")?.status === "True") return healthy("complete");
  if (spec(live).suspend === true) return suspended("suspended");
  const wanted = numberOr(spec(live).completions, 1);
  return progressing(`${numberOr(status(live).succeeded, 0)}/${wanted} complete`);
}

export const cronJobHealth = (live: Live): Judgement =>
  spec(live).suspend === true ? suspended("suspended") : healthy();
