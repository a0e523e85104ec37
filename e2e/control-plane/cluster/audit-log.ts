import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { AuditEvent } from "../provider.ts";

/**
 * Every request when it is complete, and a watch when it starts too, without bodies: enough to prove who asked for
 * what. Probes are left out, because the wait for readiness is full of them.
 */
const policy = {
  apiVersion: "audit.k8s.io/v1",
  kind: "Policy",
  omitStages: ["RequestReceived"],
  rules: [{ level: "None", nonResourceURLs: ["/readyz*", "/livez*", "/healthz*"] }, { level: "Metadata" }],
};

export interface AuditLog {
  readonly path: string;
  readonly apiServerFlags: readonly string[];
}

export function prepareAuditLog(folder: string): AuditLog {
  const policyPath = join(folder, "audit-policy.json");
  writeFileSync(policyPath, JSON.stringify(policy));
  const path = join(folder, "audit.jsonl");
  return {
    path,
    apiServerFlags: [
      `--audit-policy-file=${policyPath}`,
      `--audit-log-path=${path}`,
      // Written as requests end, not in batches half a minute later.
      "--audit-log-mode=blocking",
    ],
  };
}

export const auditPolicy: unknown = policy;

export function readAuditLog(path: string): AuditEvent[] {
  if (!existsSync(path)) return [];
  const text = readFileSync(path, "utf8");
  // The last line may be half written.
  const complete = text.slice(0, text.lastIndexOf("\n") + 1);
  return complete
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as AuditEvent);
}
