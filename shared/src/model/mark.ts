import { z } from "zod";
import { appUid, hubId } from "./ids.ts";

/**
 * A life of the hub's memory. The number rises by one whenever the hub finds that it may have forgotten something
 * (restored from a backup, or an agent proves it); the random tag tells two such restarts with one number apart.
 */
export const epoch = z.object({ number: z.int().min(1), tag: z.string().min(1).max(32) });
export type Epoch = z.infer<typeof epoch>;

export const generation = z.int().min(1);

/**
 * How far one App has come in one cluster, kept in the cluster. Ordered by epoch number, then generation; two marks of
 * one epoch number with different tags cannot be ordered, and what cannot be ordered is never acted on.
 */
export const mark = z.object({
  hubId,
  appUid,
  epoch,
  generation,
  /** Hex SHA-256 of the signed payload: an equal mark with other content is refused. */
  payloadSha256: z.string().regex(/^[0-9a-f]{64}$/),
});
export type Mark = z.infer<typeof mark>;

export type MarkOrder = "older" | "same" | "newer" | "incomparable";

/** Where `candidate` stands as seen from `held`. */
export function compareMarks(
  candidate: { epoch: Epoch; generation: number },
  held: { epoch: Epoch; generation: number },
): MarkOrder {
  if (candidate.epoch.number !== held.epoch.number) {
    return candidate.epoch.number > held.epoch.number ? "newer" : "older";
  }
  if (candidate.epoch.tag !== held.epoch.tag) return "incomparable";
  if (candidate.generation === held.generation) return "same";
  return candidate.generation > held.generation ? "newer" : "older";
}
