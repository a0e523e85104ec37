import { z } from "zod";

/**
 * One change, told for people. It travels inside the very write it tells of, so that no change is without an entry,
 * and is drained into the journal by its id afterwards (flows/drain-audit.ts).
 */
export const auditEntry = z.object({
  id: z.string().min(1).max(128),
  at: z.int(),
  actor: z.object({ kind: z.enum(["person", "hub", "agent"]), name: z.string(), from: z.string().nullable() }),
  action: z.string(),
  /** What was changed: `app storefront/shop`, `source storefront/fleet`. */
  subject: z.string().optional(),
  detail: z.string().max(2_000),
});
export type AuditEntry = z.infer<typeof auditEntry>;

/** Entries that may wait in one document: while the journal takes none, a document takes no more changes than that. */
export const AUDIT_WAITING_MAX = 48;

export const waitingAudit = z.array(auditEntry).default([]);

/** The stream of the journal that entries end in. */
export const AUDIT_STREAM = "audit";

/** The hub's own doing: a commit rolled out, a pin met by Git. */
export const HUB_ACTOR = { kind: "hub", name: "muster", from: null } as const;
