import { type Assignment, POLICY_REQUIRES, type RemovalLimit, RUN_REQUIRES } from "@muster/shared/model/assignment.ts";
import type { ClusterId, HubId } from "@muster/shared/model/ids.ts";
import type { AssignedEntry } from "./documents/assigned.ts";
import type { Intent } from "./documents/intent.ts";
import type { BundleFacts, Release } from "./documents/release.ts";

/** What fixes an assignment, all of it stored: deriving twice gives the same value, and so the same bytes. */
export interface AssignmentFacts {
  readonly hubId: HubId;
  readonly cluster: ClusterId;
  readonly app: Intent["app"];
  readonly entry: Pick<AssignedEntry, "epoch" | "generation" | "content">;
  /** The Release that a `run` entry names. */
  readonly release: Release | undefined;
}

/** Null for an entry whose tombstone was confirmed: there is nothing left to say to the cluster. */
export function deriveAssignment({ hubId, cluster, app, entry, release }: AssignmentFacts): Assignment | null {
  const { content } = entry;
  const common = { hubId, clusterId: cluster, app, epoch: entry.epoch, generation: entry.generation };
  switch (content.kind) {
    case "removed":
      return null;
    case "remove":
      return {
        ...common,
        requires: ["apply/v1"],
        content: { kind: "remove", action: content.action, ...limitOf(content) },
      };
    case "run": {
      if (release === undefined || release.number !== content.release || release.app !== app.uid) {
        throw new Error(`release r${content.release} of ${app.uid} is needed to derive its assignment`);
      }
      return {
        ...common,
        requires: [...RUN_REQUIRES, ...(release.options.policy ? [POLICY_REQUIRES] : [])],
        content: {
          kind: "run",
          bundle: bundleOf(content, release),
          release: { number: release.number, commit: release.input.commit, direction: content.direction },
          destination: {
            ...release.options.destination,
            ...(content.variant ? { namespace: content.variant.namespace } : {}),
          },
          sync: release.options.sync,
          ...limitOf(content),
          ...(release.options.policy ? { policy: release.options.policy } : {}),
          ...(release.options.takesOverFrom ? { takesOverFrom: release.options.takesOverFrom } : {}),
        },
      };
    }
  }
}

/** What was stored before there was a limit is sent without one: its bytes must stay what they were. */
const limitOf = ({ removal }: { removal?: RemovalLimit | undefined }): { removal?: RemovalLimit } =>
  removal === undefined ? {} : { removal };

function bundleOf(
  { digest, variant }: Extract<AssignedEntry["content"], { kind: "run" }>,
  { bundle, number }: Release,
): BundleFacts {
  if (variant) return { digest, objects: variant.objects, bytes: variant.bytes };
  if (bundle === null) throw new Error(`an entry of r${number} does not say which variant it is`);
  return bundle;
}
