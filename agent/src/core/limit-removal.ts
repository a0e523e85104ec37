import type { RemovalLimit } from "@muster/shared/model/assignment.ts";
import { formatObject } from "@muster/shared/model/object-ref.ts";
import type { Problem } from "@muster/shared/model/problem.ts";
import type { PruneStep } from "./plan-prune.ts";

const NAMED_MAX = 3;

/**
 * The second look at what the hub has counted already: more than the assignment allows is not deleted, none of it,
 * unless a person approved. An assignment without a limit comes from a hub that knows none.
 */
export function limitRemoval(
  groups: readonly (readonly PruneStep[])[],
  limit: RemovalLimit | undefined,
): { readonly groups: readonly (readonly PruneStep[])[]; readonly problem: Problem | null } {
  const going = groups.flat().filter((step) => step.kind === "prune");
  if (limit === undefined || limit.approval !== null || going.length <= limit.objectsMax) {
    return { groups, problem: null };
  }
  const named = going.slice(0, NAMED_MAX).map(({ ref }) => formatObject(ref));
  const more = going.length > NAMED_MAX ? ", …" : "";
  const reason = `${going.length} objects would be deleted at once, and ${limit.objectsMax} may go without approval`;
  return {
    groups: groups.map((group) =>
      group.map((step) =>
        step.kind === "prune" ? { kind: "retain", ref: step.ref, awaitsConsent: true, reason } : step,
      ),
    ),
    problem: {
      code: "RemovalNeedsApproval",
      message: `${reason}: all of them stay (${named.join(", ")}${more}).`,
      where: {},
      fix: "See what waits for a person: muster approval list",
    },
  };
}
