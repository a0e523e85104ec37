import { groupOf } from "@muster/shared/model/object-ref.ts";
import type { Live } from "../live.ts";
import { conditionsHealth } from "./conditions.ts";
import {
  apiServiceHealth,
  claimHealth,
  definitionHealth,
  ingressHealth,
  namespaceHealth,
  serviceHealth,
  volumeHealth,
} from "./foundations.ts";
import { podHealth } from "./pod.ts";
import { type HealthRule, type Judgement, progressing } from "./verdict.ts";
import {
  cronJobHealth,
  daemonSetHealth,
  deploymentHealth,
  jobHealth,
  replicaSetHealth,
  statefulSetHealth,
} from "./workloads.ts";

const rules: ReadonlyMap<string, HealthRule> = new Map<string, HealthRule>([
  ["apps/Deployment", deploymentHealth],
  ["apps/StatefulSet", statefulSetHealth],
  ["apps/DaemonSet", daemonSetHealth],
  ["apps/ReplicaSet", replicaSetHealth],
  ["batch/Job", jobHealth],
  ["batch/CronJob", cronJobHealth],
  ["/Pod", podHealth],
  ["/Service", serviceHealth],
  ["/PersistentVolumeClaim", claimHealth],
  ["/PersistentVolume", volumeHealth],
  ["/Namespace", namespaceHealth],
  ["apiextensions.k8s.io/CustomResourceDefinition", definitionHealth],
  ["apiregistration.k8s.io/APIService", apiServiceHealth],
  ["networking.k8s.io/Ingress", ingressHealth],
]);

/** How one live object is. `now` in milliseconds; only the grace for new custom objects depends on it. */
export function judgeHealth(live: Live, now: number): Judgement {
  if (live.metadata.deletionTimestamp !== undefined) return progressing("being deleted");
  const rule = rules.get(`${groupOf(live.apiVersion)}/${live.kind}`);
  return (rule ?? conditionsHealth)(live, now);
}
