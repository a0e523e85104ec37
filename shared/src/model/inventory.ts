import { z } from "zod";
import { appUid, digest, name } from "./ids.ts";
import { mark } from "./mark.ts";
import { objectRef } from "./object-ref.ts";

/** The objects one App owns in one cluster: written before the first apply, the only thing prune may delete from. */
export const inventoryEntry = z.object({
  ref: objectRef,
  /** The object's own UID once it is known: deletes carry it as a precondition. */
  uid: z.string().optional(),
});
export type InventoryEntry = z.infer<typeof inventoryEntry>;

/** Everything an agent remembers about one App, kept in the cluster. */
export const appRecord = z.object({
  app: z.object({ uid: appUid, project: name, name }),
  mark,
  /** The last verified assignment as it was signed, base64: what a restarted agent works from without the hub. */
  assignment: z.object({ payload: z.string(), keyId: z.string(), signature: z.string() }),
  /** The last bundle all of whose objects were accepted, and after which prune finished. */
  appliedDigest: digest.nullable(),
  inventory: z.array(inventoryEntry),
  /** Bundles of the last releases that ran here, newest first: kept, so that going back needs no download. */
  recentDigests: z.array(digest).default([]),
  /** An App of the same name was here before: its objects are this one's now, whatever its own record still says. */
  inheritedFrom: appUid.optional(),
  /** The service account that wrote the objects, if it was not the agent itself: what removes them acts as it, too. */
  actsAs: z.object({ namespace: z.string(), name: z.string() }).optional(),
});
export type AppRecord = z.infer<typeof appRecord>;
