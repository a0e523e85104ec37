import { isObject, type Live, listAt, objectAt, textOr } from "../live.ts";
import { conditionOf, degraded, healthy, type Judgement, progressing, say, spec, status } from "./verdict.ts";

export function serviceHealth(live: Live): Judgement {
  if (spec(live).type !== "LoadBalancer") return healthy();
  const [ingress] = listAt(live, "status", "loadBalancer", "ingress").filter(isObject);
  if (ingress === undefined) return progressing("waiting for the load balancer's address");
  return healthy(textOr(ingress.hostname, textOr(ingress.ip, "")));
}

export function claimHealth(live: Live): Judgement {
  switch (status(live).phase) {
    case "Bound":
      return healthy("bound");
    case "Lost":
      return degraded("its volume is lost");
    default:
      return progressing("waiting for a volume; some storage classes bind only when a pod uses the claim");
  }
}

export function volumeHealth(live: Live): Judgement {
  const phase = textOr(status(live).phase, "Pending");
  if (phase === "Failed") return degraded(textOr(status(live).message, "failed"));
  return phase === "Pending" ? progressing("pending") : healthy(phase.toLowerCase());
}

export function definitionHealth(live: Live): Judgement {
  const names = conditionOf(live, "NamesAccepted");
  if (names?.status === "False") return degraded(say(names));
  const terminating = conditionOf(live, "Terminating");
  if (terminating?.status === "True") return progressing(say(terminating));
  const nonStructural = conditionOf(live, "NonStructuralSchema");
  const established = conditionOf(live, "Established");
  if (established?.status !== "True") return progressing("not established yet");
  return healthy(nonStructural?.status === "True" ? say(nonStructural) : "established");
}

export const namespaceHealth = (live: Live): Judgement =>
  status(live).phase === "Terminating" ? progressing("terminating") : healthy();

export function apiServiceHealth(live: Live): Judgement {
  const available = conditionOf(live, "Available");
  if (available?.status === "True") return healthy();
  return progressing(available ? say(available) : "not available yet");
}

export function ingressHealth(live: Live): Judgement {
  const [address] = listAt(live, "status", "loadBalancer", "ingress").filter(isObject);
  return healthy(textOr(address?.hostname, textOr(objectAt({ address }, "address").ip, "")));
}
