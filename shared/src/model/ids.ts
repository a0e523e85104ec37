import { z } from "zod";

/** A DNS-1123 label (RFC 1123), the form that Kubernetes demands of most names. */
export const name = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, "use lower-case letters, digits and '-', at most 63 characters");

export const hubId = z.string().min(1).max(64).brand<"HubId">();
export type HubId = z.infer<typeof hubId>;

export const clusterId = z.string().min(1).max(64).brand<"ClusterId">();
export type ClusterId = z.infer<typeof clusterId>;

/** Survives neither deletion nor being made again: an App made anew under an old name has a new uid. */
export const appUid = z.string().min(1).max(64).brand<"AppUid">();
export type AppUid = z.infer<typeof appUid>;

/** `b1:sha256:<64 hex digits>`: the version of the canonical form, the hash, and its value. */
export const digest = z
  .string()
  .regex(/^b1:sha256:[0-9a-f]{64}$/, "a bundle digest reads b1:sha256:<64 hex digits>")
  .brand<"Digest">();
export type Digest = z.infer<typeof digest>;

/** A full Git object id, SHA-1 or SHA-256. */
export const commitId = z
  .string()
  .regex(/^[0-9a-f]{40}([0-9a-f]{24})?$/)
  .brand<"CommitId">();
export type CommitId = z.infer<typeof commitId>;

export const appName = z.object({ project: name, name });
/** How people name an App; `formatApp` prints it as `project/name`. */
export type AppName = z.infer<typeof appName>;

export const formatApp = (app: AppName): string => `${app.project}/${app.name}`;
