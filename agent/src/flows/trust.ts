import { createHash } from "node:crypto";
import type { Log } from "@muster/shared/log.ts";
import type { SignedAssignment } from "@muster/shared/model/assignment.ts";
import type { Problem } from "@muster/shared/model/problem.ts";
import type { KeySet, SignedKeySet } from "@muster/shared/model/session.ts";
import { followKeySet, unionOfKeySets } from "@muster/shared/trust/key-set.ts";
import { verifyAssignment } from "@muster/shared/trust/verify.ts";
import { decodeKeySet } from "@muster/shared/wire/key-set.ts";

/** The keys that this agent believes, and how it comes to believe newer ones. */
export interface Trust {
  /** Null when the hub signed it; else what is wrong with it. */
  verify(signed: SignedAssignment): Pick<Problem, "code" | "message" | "fix"> | null;
  /** A key set that the hub shows: taken if it follows the chain, ignored with a log line if not. */
  offer(signed: SignedKeySet): Promise<void>;
}

export function createTrust(opts: {
  /** The verified chain, oldest first, at least one. */
  readonly chain: readonly KeySet[];
  /** Stores a set that was accepted, so that it is trusted after a restart too. */
  readonly keep: (signed: SignedKeySet) => Promise<void>;
  readonly log: Log;
}): Trust {
  const chain = [...opts.chain];
  let union = unionOfKeySets(chain);
  return {
    verify(signed) {
      const verdict = verifyAssignment(signed, union);
      switch (verdict.kind) {
        case "valid":
          return null;
        case "key-unknown":
          return {
            code: "KeyUnknown",
            message: `An assignment was ${verdict.message}.`,
            fix: "If the hub was rebuilt, register this cluster with it anew.",
          };
        case "signature-invalid":
          return {
            code: "SignatureInvalid",
            message: `An assignment was altered on its way: ${verdict.message}.`,
            fix: "Something between the hub and this cluster changes messages, or the hub's key was replaced.",
          };
      }
    },
    async offer(signed) {
      const newest = chain.at(-1);
      if (newest === undefined) return;
      try {
        if (decodeKeySet(signed.payload).version <= newest.version) return;
        const next = followKeySet(newest, signed);
        await opts.keep(signed);
        chain.push(next);
        union = unionOfKeySets(chain);
        opts.log.info({ keySet: next.version }, "key set accepted");
      } catch (error) {
        opts.log.warn({ keySet: newest.version, err: error }, "key set not accepted");
      }
    },
  };
}

/** Hex SHA-256 of a signed payload, as marks carry it. A payload has at most 64 KiB. */
export const payloadSha256 = (signed: SignedAssignment): string =>
  createHash("sha256").update(signed.payload).digest("hex");

/** Value of the owner label: 20 hex digits over hub id and `project/name`. */
export const ownerHash = (hubId: string, app: { project: string; name: string }): string =>
  createHash("sha256").update(`muster/owner/v1\0${hubId}\0${app.project}/${app.name}`).digest("hex").slice(0, 20);
