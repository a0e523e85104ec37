import type { Clock } from "@muster/shared/clock.ts";
import { type AppError, isAppError, messageOf } from "@muster/shared/errors.ts";
import type { SignedAssignment } from "@muster/shared/model/assignment.ts";
import type { Mark } from "@muster/shared/model/mark.ts";
import type { Problem } from "@muster/shared/model/problem.ts";
import type { Report } from "@muster/shared/model/report.ts";
import { type AssignmentHeader, decodeAssignment, decodeAssignmentHeader } from "@muster/shared/wire/assignment.ts";
import { acceptAssignment } from "../core/accept-assignment.ts";
import { summarize } from "../core/summarize.ts";
import type { AppBook } from "./app-book.ts";
import { ownerHash, payloadSha256, type Trust } from "./trust.ts";

/** What one assignment came to. */
export type Received =
  | { readonly kind: "accepted"; readonly uid: string }
  | { readonly kind: "same"; readonly header: AssignmentHeader }
  /** `report` is null when it is not even clear which App it is about. */
  | { readonly kind: "refused"; readonly problem: Problem; readonly report: Report | null };

export interface ReceiveContext {
  readonly trust: Trust;
  readonly hubId: string;
  readonly clusterId: string;
  readonly capabilities: readonly string[];
  readonly clock: Clock;
}

/**
 * Verifies one assignment and puts it in force: signature and key first, then hub, cluster, epoch and generation
 * against the mark that is held, then its content. Whatever is refused, the former assignment stays in force.
 */
export function receiveAssignment(context: ReceiveContext, book: AppBook, signed: SignedAssignment): Received {
  const { hubId, clusterId, capabilities, clock } = context;
  const refuse = (problem: Problem, header: AssignmentHeader | null): Received => ({
    kind: "refused",
    problem,
    report: header === null ? null : refusal(header, problem, clock.now()),
  });
  const distrust = context.trust.verify(signed);
  if (distrust !== null) {
    // Unverified, and read for one purpose: to say which App somebody tampered with.
    const header = attempt(() => decodeAssignmentHeader(signed.payload));
    const isAddressed = header !== null && header.hubId === hubId && header.clusterId === clusterId;
    return refuse({ ...distrust, where: { cluster: clusterId } }, isAddressed ? header : null);
  }
  let header: AssignmentHeader;
  try {
    header = decodeAssignmentHeader(signed.payload);
  } catch (error) {
    return refuse(
      { code: "MessageInvalid", message: messageOf(error).slice(0, 2_000), where: { cluster: clusterId } },
      null,
    );
  }
  const decision = acceptAssignment({
    assignment: header,
    payloadSha256: payloadSha256(signed),
    held: heldMark(book, header),
    hubId,
    clusterId,
    capabilities,
  });
  switch (decision.kind) {
    case "refuse":
      return refuse(decision.problem, header);
    case "same":
      return { kind: "same", header };
    case "accept":
      try {
        const assignment = decodeAssignment(signed.payload);
        const owner = { hash: ownerHash(hubId, assignment.app), app: assignment.app };
        book.accept(owner, assignment, signed, decision.mark);
        return { kind: "accepted", uid: header.app.uid };
      } catch (error) {
        const code = isAppError(error, "unsupported") ? "CapabilityMissing" : "MessageInvalid";
        const fix = (error as AppError).fix;
        const problem = { code, message: messageOf(error).slice(0, 2_000), where: { cluster: clusterId } } as const;
        return refuse(fix === undefined ? problem : { ...problem, fix }, header);
      }
  }
}

/**
 * A mark orders the assignments of the cluster id it was given to. A cluster that was removed from the hub and joined
 * again has another, with which nothing was signed before: what it was given as the former does not bind it.
 */
function heldMark(book: AppBook, { app, clusterId }: AssignmentHeader): Mark | null {
  const entry = book.get(app.uid);
  return entry !== undefined && entry.assignment.clusterId !== clusterId ? null : book.markOf(app.uid);
}

const refusal = (header: AssignmentHeader, problem: Problem, now: number): Report =>
  summarize({
    app: header.app,
    epoch: header.epoch,
    generation: header.generation,
    digest: null,
    phase: "Refused",
    objects: [],
    drift: [],
    problems: [problem],
    pruned: 0,
    now,
  });

function attempt<T>(read: () => T): T | null {
  try {
    return read();
  } catch {
    return null;
  }
}
