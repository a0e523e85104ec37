import type { Assignment } from "@muster/shared/model/assignment.ts";
import { formatApp } from "@muster/shared/model/ids.ts";
import { compareMarks, type Mark } from "@muster/shared/model/mark.ts";
import type { Problem, ProblemCode } from "@muster/shared/model/problem.ts";

export type AssignmentDecision =
  /** Newer than what is held: it comes into force. */
  | { readonly kind: "accept"; readonly mark: Mark }
  /** The very assignment that is in force: nothing to do but say again where it stands. */
  | { readonly kind: "same" }
  /** Not acted on; the former assignment stays in force. */
  | { readonly kind: "refuse"; readonly problem: Problem };

export interface AcceptInput {
  /** What every version of an assignment says. The signature over it was already verified. */
  readonly assignment: Pick<Assignment, "hubId" | "clusterId" | "app" | "epoch" | "generation"> & {
    readonly requires: readonly string[];
  };
  /** Hex SHA-256 of the signed payload. */
  readonly payloadSha256: string;
  /** The mark kept for this App, also of one that was removed; null if the App was never seen. */
  readonly held: Mark | null;
  readonly hubId: string;
  readonly clusterId: string;
  readonly capabilities: readonly string[];
}

/** Decides on one verified assignment. Pure: the same input gives the same verdict for ever. */
export function acceptAssignment(input: AcceptInput): AssignmentDecision {
  const { assignment, held } = input;
  const app = formatApp(assignment.app);
  const refuse = (code: ProblemCode, message: string, fix?: string): AssignmentDecision => ({
    kind: "refuse",
    problem: { code, message, where: { cluster: input.clusterId }, ...(fix === undefined ? {} : { fix }) },
  });

  if (assignment.hubId !== input.hubId) {
    return refuse(
      "WrongHub",
      `The assignment of ${app} was made by the hub ${assignment.hubId}; this agent belongs to ${input.hubId}.`,
      "If the hub was rebuilt, register this cluster with it anew.",
    );
  }
  if (assignment.clusterId !== input.clusterId) {
    return refuse(
      "WrongCluster",
      `The assignment of ${app} was made for the cluster ${assignment.clusterId}; this is ${input.clusterId}.`,
    );
  }
  const order = held === null ? "newer" : compareMarks(assignment, held);
  switch (order) {
    case "older":
      return refuse(
        "GenerationOlder",
        `The assignment of ${app} is generation ${position(assignment)}; ${position(held as Mark)} is already in force here.`,
        "If the hub was restored from a backup, run: muster recover",
      );
    case "incomparable":
      return refuse(
        "EpochUnknown",
        `The assignment of ${app} is of epoch ${assignment.epoch.number} "${assignment.epoch.tag}", and this cluster knows that epoch as "${held?.epoch.tag}".`,
        "Two hubs have gone on from one backup. Keep one of them, then run on it: muster recover",
      );
    case "same":
      if (held?.payloadSha256 !== input.payloadSha256) {
        return refuse(
          "GenerationForked",
          `Two different assignments of ${app} carry generation ${position(assignment)}; the first one stays in force.`,
          "The hub has forgotten what it once assigned. Run: muster recover",
        );
      }
      return { kind: "same" };
    case "newer": {
      const missing = assignment.requires.filter((needed) => !input.capabilities.includes(needed));
      if (missing.length > 0) {
        return refuse(
          "CapabilityMissing",
          `The assignment of ${app} needs ${missing.join(", ")}, which this agent cannot do.`,
          "Upgrade the agent of this cluster.",
        );
      }
      const { hubId, app: identity, epoch, generation } = assignment;
      return {
        kind: "accept",
        mark: { hubId, appUid: identity.uid, epoch, generation, payloadSha256: input.payloadSha256 },
      };
    }
  }
}

const position = (of: Pick<Mark, "epoch" | "generation">): string =>
  of.epoch.number === 1 ? `${of.generation}` : `${of.generation} of epoch ${of.epoch.number}`;
