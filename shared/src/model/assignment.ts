import { z } from "zod";
import { syncOptions } from "./definitions/app.ts";
import { appUid, clusterId, digest, hubId, name } from "./ids.ts";
import { epoch, generation } from "./mark.ts";

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
    }),
    /** A tombstone: the only way an App leaves a cluster. */
    z.object({ kind: z.literal("remove"), action: z.enum(["delete", "keep"]) }),
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
export const CAPABILITIES = ["bundle/b1", "apply/v1"] as const;
