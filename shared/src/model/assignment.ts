import { z } from "zod";
import { syncOptions } from "./definitions/app.ts";
import { appUid, clusterId, digest, hubId, name } from "./ids.ts";
import { epoch, generation } from "./mark.ts";
import { policy } from "./policy.ts";

/** How much an agent may delete by one assignment, unless a person approved it. */
export const removalLimit = z.object({
  /** The approval's id, or null: there is none. */
  approval: z.string().max(64).nullable(),
  objectsMax: z.int().min(0),
});
export type RemovalLimit = z.infer<typeof removalLimit>;

/**
 * The whole desired state of one App in one cluster. It carries no time and no chance, so deriving it twice gives the
 * same bytes: an equal generation always means equal content.
 */
export const assignment = z.object({
  hubId,
  clusterId,
  app: z.object({ uid: appUid, project: name, name }),
  epoch,
  generation,
  /** Capabilities an agent must have; one that lacks any refuses with the reason. */
  requires: z.array(z.string()),
  content: z.discriminatedUnion("kind", [
    z.object({
      kind: z.literal("run"),
      bundle: z.object({ digest, objects: z.int(), /** Size of the canonical form, uncompressed. */ bytes: z.int() }),
      release: z.object({ number: z.int().min(1), commit: z.string(), direction: z.enum(["forward", "back"]) }),
      destination: z.object({ namespace: name, createNamespace: z.boolean() }),
      sync: syncOptions,
      /** Absent from a hub that knows no limit. */
      removal: removalLimit.optional(),
      /** What the Project allows. Absent: it limits nothing. */
      policy: policy.optional(),
      /** Apps of the same Project whose objects this one takes over when it wants them. Absent: none. */
      takesOverFrom: z.array(name).max(16).optional(),
    }),
    /** A tombstone: the only way an App leaves a cluster. */
    z.object({ kind: z.literal("remove"), action: z.enum(["delete", "keep"]), removal: removalLimit.optional() }),
  ]),
});
export type Assignment = z.infer<typeof assignment>;

/** What travels: opaque payload bytes that are never re-encoded, and a signature over domain and payload. */
export interface SignedAssignment {
  readonly payload: Uint8Array;
  readonly keyId: string;
  readonly signature: Uint8Array;
}

/** What an agent of this version can be asked for in `requires`. */
export const CAPABILITIES = ["bundle/b1", "apply/v1", "removal/v1", "policy/v1", "takeover/v1"] as const;

/**
 * What a `run` requires. Not `removal/v1`: an agent that does not know the limit ignores it, and the hub, which counted
 * before it assigned, stands alone.
 */
export const RUN_REQUIRES = ["bundle/b1", "apply/v1"] as const;

/** What a `run` with a policy requires as well: an agent that does not know it would apply what the Project forbids. */
export const POLICY_REQUIRES = "policy/v1";
