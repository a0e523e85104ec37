import { z } from "zod";

export const syncState = z.enum(["Synced", "OutOfSync", "Unknown"]);
export type SyncState = z.infer<typeof syncState>;

export const healthState = z.enum(["Healthy", "Progressing", "Degraded", "Suspended", "Missing", "Unknown"]);
export type HealthState = z.infer<typeof healthState>;

/** A verdict with its reason in words. */
export interface Health {
  readonly state: HealthState;
  readonly message: string;
}
