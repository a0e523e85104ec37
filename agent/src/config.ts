import { AppError } from "@muster/shared/errors.ts";
import { name } from "@muster/shared/model/ids.ts";
import { keyHash } from "@muster/shared/model/joining.ts";
import { readFlags } from "@muster/shared/read-flags.ts";
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
  /**
   * Who holds the cluster's Lease, where the platform knows it: pod name and uid. A container that is started again in
   * its own pod then acts at once instead of waiting for its predecessor's time to pass. Nobody else alive may have it.
   */
  "lease-identity": z.string().min(1).max(253).optional(),
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

/**
 * What the agent was told: flags over environment variables over defaults.
 * @throws AppError "invalid" that names the key and the fix.
 */
export function readConfig(argv: readonly string[], env: Readonly<Record<string, string | undefined>>): AgentConfig {
  const config = readFlags(agentConfig, { program: "the agent", argv, env, fixes });
  if (config["join-token"] !== undefined && config["join-token-file"] !== undefined) {
    throw new AppError("invalid", "--join-token and --join-token-file are both given.", { fix: "Give one of them." });
  }
  return config;
}
