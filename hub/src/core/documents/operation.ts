import { appUid, clusterId } from "@muster/shared/model/ids.ts";
import { z } from "zod";
import { waitingAudit } from "./audit-entry.ts";
import { RECOVERY_CLUSTERS_MAX } from "./intent.ts";
import type { Noun } from "./noun.ts";

/**
 * `operations/<id>`: a command that touches several Apps. Acknowledged once this is written, and carried out again
 * until every App's intent carries its id; then it goes.
 */
export const operation = z.object({
  id: z.string(),
  kind: z.literal("recover"),
  reason: z.string(),
  by: z.string(),
  at: z.int(),
  apps: z.array(
    z.object({
      app: appUid,
      clusters: z.array(clusterId).max(RECOVERY_CLUSTERS_MAX).nullable(),
      /** Highest generation that an Ahead agent showed: the App's sequence goes on above it. */
      above: z.int(),
    }),
  ),
  audit: waitingAudit,
});
export type Operation = z.infer<typeof operation>;

export const operations: Noun<Operation> = { collection: "operations", schema: operation };

/** Serialised size of one operation's Apps: the rest of it is small, and a document may have 256 KiB. */
export const OPERATION_APPS_BYTES_MAX = 192 * 1024;

/** What a command touches, in as few operations as can be stored. */
export function splitOperation(apps: Operation["apps"]): Operation["apps"][] {
  const parts: Operation["apps"][] = [];
  let room = 0;
  for (const app of apps) {
    const bytes = Buffer.byteLength(JSON.stringify(app)) + 1;
    if (bytes > room || parts.length === 0) {
      parts.push([]);
      room = OPERATION_APPS_BYTES_MAX;
    }
    parts.at(-1)?.push(app);
    room -= bytes;
  }
  return parts;
}
