import { AppError } from "@muster/shared/errors.ts";
import { name } from "@muster/shared/model/ids.ts";
import { keyHash } from "@muster/shared/model/joining.ts";
import { z } from "zod";

/** Everything the agent is told. Each key is a flag (`--ca-hash`) and an environment variable (`MUSTER_CA_HASH`). */
export const agentConfig = z.strictObject({
  /** The hub's HTTPS address: the one address to configure; the link's own endpoints are told when joining. */
  hub: z.url({ protocol: /^https$/, error: "write the hub's address as https://hub.example.com" }),
  "ca-hash": keyHash,
  /** Needed once, for joining; may stay configured. */
  "join-token": z.string().min(1).optional(),
  "join-token-file": z.string().min(1).optional(),
  /** Neither: the cluster this pod runs in. */
  kubeconfig: z.string().min(1).optional(),
  context: z.string().min(1).optional(),
  /** Where the agent keeps its Secrets and its Lease. */
  namespace: name.default("muster-system"),
  "log-level": z.enum(["debug", "info", "warn", "error", "silent"]).default("info"),
  /** `/healthz` on this port of the loopback address; 0: none. */
  "health-port": z.coerce.number().int().min(0).max(65_535).default(0),
});
export type AgentConfig = z.infer<typeof agentConfig>;

const fixes: Readonly<Partial<Record<string, string>>> = {
  hub: "Give --hub https://hub.example.com, as `muster cluster register NAME` prints it.",
  "ca-hash": "Give --ca-hash sha256:…, as `muster cluster register NAME` prints it.",
  namespace: "Give --namespace the name of a Kubernetes namespace.",
};

const variableOf = (key: string): string => `MUSTER_${key.replaceAll("-", "_").toUpperCase()}`;

/**
 * Reads flags (`--key value`, `--key=value`) over environment variables over defaults.
 * @throws AppError "invalid" that names the key and the fix.
 */
export function readConfig(argv: readonly string[], env: Readonly<Record<string, string | undefined>>): AgentConfig {
  const keys = Object.keys(agentConfig.shape);
  const given: Record<string, string> = {};
  for (const key of keys) {
    const value = env[variableOf(key)];
    if (value !== undefined && value !== "") given[key] = value;
  }
  for (let i = 0; i < argv.length; i++) {
    const [, flag = "", attached] = /^--([a-z-]+)(?:=(.*))?$/s.exec(argv[i] ?? "") ?? [];
    if (!keys.includes(flag)) {
      throw new AppError("invalid", `${JSON.stringify(argv[i])} is not a flag of the agent.`, {
        fix: `The flags are: ${keys.map((key) => `--${key}`).join(" ")}`,
      });
    }
    const value = attached ?? argv[++i];
    if (value === undefined) {
      throw new AppError("invalid", `--${flag} needs a value.`, { fix: `Write --${flag} VALUE.` });
    }
    given[flag] = value;
  }
  const parsed = agentConfig.safeParse(given);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const key = String(issue?.path[0] ?? "");
    const what = given[key] === undefined ? "is missing" : `is wrong: ${issue?.message}`;
    throw new AppError("invalid", `--${key} (or ${variableOf(key)}) ${what}.`, { fix: fixes[key] ?? `Mend --${key}.` });
  }
  if (parsed.data["join-token"] !== undefined && parsed.data["join-token-file"] !== undefined) {
    throw new AppError("invalid", "--join-token and --join-token-file are both given.", { fix: "Give one of them." });
  }
  return parsed.data;
}
