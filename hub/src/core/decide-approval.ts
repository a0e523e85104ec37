import type { Instant } from "@muster/shared/clock.ts";
import { AppError } from "@muster/shared/errors.ts";
import { formatApp } from "@muster/shared/model/ids.ts";
import type { Approval } from "./documents/approval.ts";
import type { AuditEntry } from "./documents/audit-entry.ts";
import type { ApprovalView } from "./views.ts";

/** The approval after a person decided. @throws AppError "conflict" when it is not pending any more. */
export function decideApproval(
  current: Approval,
  input: {
    readonly as: "granted" | "denied";
    readonly actor: AuditEntry["actor"];
    readonly reason: string;
    readonly now: Instant;
  },
): Approval {
  const { as, actor, reason, now } = input;
  if (current.state !== "pending") throw notPending(current);
  return {
    ...current,
    state: as,
    decided: { by: actor.name.slice(0, 300), at: now, reason },
    audit: [
      ...current.audit,
      {
        id: `approval.${current.id}.decided`,
        at: now,
        actor,
        action: as === "granted" ? "ApprovalGranted" : "ApprovalDenied",
        subject: `approval ${current.id}`,
        detail: `${current.what}: ${reason}`.slice(0, 2_000),
      },
    ],
  };
}

function notPending({ id, state, decided, closed }: Approval): AppError {
  const by = decided === null ? "" : ` by ${decided.by}`;
  const why = closed === null ? "" : ` ${closed.reason}`;
  return new AppError("conflict", `${id} is ${state}${by} already.${why}`, {
    fix: "See what waits now: muster approval list",
  });
}

const iso = (ms: number): string => new Date(ms).toISOString();

export function viewApproval(approval: Approval): ApprovalView {
  const { id, kind, state, what, why, askedBy, pairs, objects, apps, created, decided, closed } = approval;
  return {
    id,
    kind,
    state,
    what,
    why,
    askedBy,
    pairs,
    objects,
    apps: apps.map((one) => ({
      app: formatApp(one),
      pairs: one.pairs,
      objects: one.objects,
      clusters: one.clusters,
    })),
    created: iso(created),
    decided: decided === null ? null : { ...decided, at: iso(decided.at) },
    closed: closed === null ? null : { ...closed, at: iso(closed.at) },
  };
}

export const noApproval = (id: string): AppError =>
  new AppError("not-found", `There is no approval ${id}.`, { fix: "See what waits: muster approval list" });
