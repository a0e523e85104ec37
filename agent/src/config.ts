import { AppError } from "@muster/shared/errors.ts";
import { name } from "@muster/shared/model/ids.ts";
import { keyHash } from "@muster/shared/model/joining.ts";
import { flagsText, readFlags } from "@muster/shared/read-flags.ts";
import { z } from "zod";

/** Everything the agent is told. Each key is a flag (`--ca-hash`) and an environment variable (`MUSTER_CA_HASH`). */
export const agentConfig = z.strictObject({
  hub: z
    .url({ protocol: /^https$/, error: "write the hub's address as https://hub.example.com" })
    .describe("the hub's HTTPS address: the one address to configure; the link's own endpoints are told when joining"),
  "ca-hash": keyHash.describe("of the hub's root key, as `muster cluster register` prints it"),
  "join-token": z.string().min(1).optional().describe("needed once, for joining; may stay configured"),
  "join-token-file": z.string().min(1).optional().describe("a file that holds the join token"),
  kubeconfig: z
    .string()
    .min(1)
    .optional()
    .describe("a kubeconfig file. Without it and a context: the cluster this pod runs in"),
  context: z.string().min(1).optional().describe("of the kubeconfig; absent: its current one"),
  namespace: name.default("muster-system").describe("where the agent keeps its Secrets and its Lease"),
  "lease-identity": z
    .string()
    .min(1)
    .max(253)
    .optional()
    .describe(
      "who holds the cluster's Lease, where the platform knows it: pod name and uid. A container that is started again in its own pod then acts at once instead of waiting for its predecessor's time to pass. Nobody else alive may have it",
    ),
  "log-level": z
    .enum(["debug", "info", "warn", "error", "silent"])
    .default("info")
    .describe("debug, info, warn, error or silent"),
  "health-port": z.coerce
    .number()
    .int()
    .min(0)
    .max(65_535)
    .default(0)
    .describe("`/healthz` on this port of the loopback address; 0: none"),
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

/** What `--help` prints. */
export const usage = (): string => flagsText(agentConfig, "the agent");
