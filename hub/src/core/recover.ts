import type { Instant } from "@muster/shared/clock.ts";
import type { ClusterId } from "@muster/shared/model/ids.ts";
import type { Epoch } from "@muster/shared/model/mark.ts";
import { steer } from "./advance-intent.ts";
import { type Intent, RECOVERY_CLUSTERS_MAX, withOperation } from "./documents/intent.ts";

/**
 * The intent that takes clusters back after the hub had forgotten something: what the hub knows goes out again, in the
 * hub's present epoch. Carrying out an operation that the intent carries already changes nothing.
 */
export function recoverIntent(
  intent: Intent,
  input: {
    operation: string;
    /** Null: every cluster of the App. */
    clusters: readonly ClusterId[] | null;
    /** The sequence goes on above this. */
    above: number;
    epoch: Epoch;
    reason: string;
    by: string;
    now: Instant;
  },
): Intent {
  if (intent.operations.includes(input.operation)) return intent;
  const sequence = Math.max(intent.sequence, input.above) + 1;
  const before = intent.recovery?.epoch.number === input.epoch.number ? intent.recovery.clusters : [];
  const union = before === null || input.clusters === null ? null : [...new Set([...before, ...input.clusters])].sort();
  const clusters = union !== null && union.length <= RECOVERY_CLUSTERS_MAX ? union : null;
  const next: Intent = {
    ...withOperation(intent, input.operation),
    sequence,
    epoch: clusters === null ? input.epoch : intent.epoch,
    recovery: { sequence, epoch: input.epoch, clusters },
  };
  const who = input.clusters === null ? "every cluster" : `${input.clusters.length} cluster(s)`;
  return steer(next, {
    before: { ...intent, sequence: sequence - 1 },
    now: input.now,
    audit: {
      actor: { kind: "person", name: input.by, from: null },
      action: "AppRecovered",
      detail: `reasserted on ${who} in epoch ${input.epoch.number}: ${input.reason}`,
    },
  });
}
