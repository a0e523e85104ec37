import { compareMarks, type Epoch } from "@muster/shared/model/mark.ts";
import type { AssignedEntry } from "./documents/assigned.ts";

/** Where in the order of assignments something stands. */
export interface Place {
  readonly epoch: Epoch;
  readonly generation: number;
}

/** What an agent holds, by its own word: believed only with a proof that this hub signed. */
export interface HeldMark extends Place {
  readonly payloadSha256: string;
}

/**
 * How what an agent holds stands to what the hub remembers of that App and cluster.
 * - `in-sync`: it is the assignment in force
 * - `behind`: an earlier one that the hub remembers, or one that a later epoch has overruled: send
 * - `ahead`: the hub does not remember giving it, so it has forgotten something: send nothing
 */
export type Standing = "in-sync" | "behind" | "ahead";

export function judgeHeld(held: HeldMark, entry: AssignedEntry | undefined): Standing {
  if (entry === undefined) return "ahead";
  switch (compareMarks(held, entry)) {
    case "newer":
    case "incomparable":
      return "ahead";
    case "same":
      return held.payloadSha256 === entry.payloadSha256 ? "in-sync" : "ahead";
    case "older":
      return held.epoch.number < entry.epoch.number || remembers(held, entry) ? "behind" : "ahead";
  }
}

/**
 * Whether a mark older than the present one is among those that were given. A restored hub may have gone past it
 * already, by other assignments: then no number gives it away, only that the hub never gave this one.
 */
function remembers(held: HeldMark, entry: AssignedEntry): boolean {
  const given = entry.history.find((former) => compareMarks(held, former) === "same");
  if (given !== undefined) return given.payloadSha256 === held.payloadSha256;
  const oldest = entry.history.at(-1);
  // Older than all that is remembered: nothing speaks against it. An entry without history was the first of all.
  return oldest !== undefined && compareMarks(held, oldest) === "older";
}

/** Whether an assignment at `candidate` passes an agent that was found Ahead at `ahead`: only a later epoch does. */
export const overrules = (candidate: Place, ahead: Place | null): boolean =>
  ahead === null || candidate.epoch.number > ahead.epoch.number;

/**
 * The epoch to begin when agents prove marks that the hub does not remember, or null when the present epoch is above
 * all of them already. `tag` is random: it tells apart two hubs that were restored from one copy.
 */
export function nextEpoch(current: Epoch, proven: readonly Place[], tag: string): Epoch | null {
  const highest = Math.max(0, ...proven.map((place) => place.epoch.number));
  if (highest < current.number) return null;
  return { number: highest + 1, tag };
}
