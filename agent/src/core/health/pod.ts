import { isObject, type JsonObject, type Live, listAt, objectAt, textOr } from "../live.ts";
import { conditionOf, degraded, healthy, type Judgement, progressing, say, spec, status } from "./verdict.ts";

/** Reasons to wait that do not end by waiting. */
const hopelessReasons: ReadonlySet<string> = new Set([
  "CrashLoopBackOff",
  "ImagePullBackOff",
  "ErrImagePull",
  "ErrImageNeverPull",
  "InvalidImageName",
  "CreateContainerConfigError",
  "CreateContainerError",
  "RunContainerError",
]);

export function podHealth(live: Live): Judgement {
  const phase = textOr(status(live).phase, "Pending");
  if (phase === "Succeeded") return healthy("completed");
  if (phase === "Failed") {
    const reason = [status(live).reason, status(live).message].filter((part) => typeof part === "string").join(": ");
    return degraded(reason || exitOf(live) || "failed");
  }
  const hopeless = containersOf(live)
    .map((container) => ({ name: container.name, waiting: objectAt(container, "state", "waiting") }))
    .find(({ waiting }) => hopelessReasons.has(textOr(waiting.reason, "")));
  if (hopeless) {
    const { reason, message } = hopeless.waiting;
    return degraded(`container ${hopeless.name}: ${reason}${typeof message === "string" ? `: ${message}` : ""}`);
  }
  const ready = conditionOf(live, "Ready");
  if (phase === "Running" && ready?.status === "True") return healthy("running");
  if (phase === "Running" && spec(live).restartPolicy !== undefined && spec(live).restartPolicy !== "Always") {
    return progressing("running to completion");
  }
  const unscheduled = conditionOf(live, "PodScheduled");
  if (unscheduled?.status === "False") return progressing(say(unscheduled));
  return progressing(phase === "Running" ? (ready ? say(ready) : "not ready yet") : phase.toLowerCase());
}

function containersOf(live: Live): readonly JsonObject[] {
  return ["initContainerStatuses", "containerStatuses"].flatMap((list) =>
    listAt(live, "status", list).filter(isObject),
  );
}

function exitOf(live: Live): string | undefined {
  for (const container of containersOf(live)) {
    const { exitCode, reason } = objectAt(container, "state", "terminated");
    if (typeof exitCode === "number" && exitCode !== 0)
      return `container ${container.name}: ${reason ?? "Error"}, exit code ${exitCode}`;
  }
  return undefined;
}
