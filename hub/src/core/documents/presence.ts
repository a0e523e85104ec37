import { z } from "zod";
import type { Noun } from "./noun.ts";

/** `presence/<cluster id>`: last contact, for people; written at Hello and when a session ends, not durably. */
export const presence = z.object({
  lastSeen: z.int(),
  agentVersion: z.string().max(64),
  kubernetesVersion: z.string().max(64),
});
export type Presence = z.infer<typeof presence>;

export const presences: Noun<Presence> = { collection: "presence", schema: presence };
