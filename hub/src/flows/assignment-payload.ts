import { createHash } from "node:crypto";
import type { ClusterId, HubId } from "@muster/shared/model/ids.ts";
import { encodeAssignment } from "@muster/shared/wire/assignment.ts";
import { deriveAssignment } from "../core/derive-assignment.ts";
import type { AssignedEntry } from "../core/documents/assigned.ts";
import type { Intent } from "../core/documents/intent.ts";
import type { Release } from "../core/documents/release.ts";

export const sha256Hex = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** The bytes that are signed for one entry, and their hash. Null for a confirmed tombstone. */
export function assignmentPayload(facts: {
  hubId: HubId;
  cluster: ClusterId;
  app: Intent["app"];
  entry: Pick<AssignedEntry, "epoch" | "generation" | "content">;
  release: Release | undefined;
}): { readonly payload: Uint8Array; readonly sha256: string } | null {
  const assignment = deriveAssignment(facts);
  if (assignment === null) return null;
  const payload = encodeAssignment(assignment);
  return { payload, sha256: sha256Hex(payload) };
}
