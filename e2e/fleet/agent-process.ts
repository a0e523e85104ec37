import { join } from "node:path";
import type { Reaper } from "../control-plane/processes/reaper.ts";
import type { TestCluster } from "../control-plane/provider.ts";
import { createProgram, type Program } from "./program.ts";

export interface AgentOptions {
  readonly reaper: Reaper;
  readonly folder: string;
  /** Tells its log from those of others in the folder. */
  readonly name: string;
  readonly cluster: Pick<TestCluster, "kubeconfigPath">;
  readonly join: { readonly hubAddress: string; readonly caHash: string; readonly token: string | null };
  /** Where it keeps its Secrets and its Lease; several fleets share a cluster by it. */
  readonly namespace: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly flags?: readonly string[];
  readonly clockOffsetMs?: number;
  /** Path of its main file from the root of the repository; by default the sources, which Node runs as they are. */
  readonly main?: string;
}

/**
 * A real agent, with the cluster's administrator's rights. The answer comes as soon as its process is started: whether
 * it joined is for the hub to say, and some never may.
 */
export async function startAgent(options: AgentOptions): Promise<Program> {
  const { join: joining } = options;
  const program = createProgram({
    name: options.name,
    main: options.main ?? "agent/src/main.ts",
    args: () => options.flags ?? [],
    env: () => ({
      HOME: options.folder,
      MUSTER_KUBECONFIG: options.cluster.kubeconfigPath,
      MUSTER_NAMESPACE: options.namespace,
      MUSTER_HUB: joining.hubAddress,
      MUSTER_CA_HASH: joining.caHash,
      ...(joining.token === null ? {} : { MUSTER_JOIN_TOKEN: joining.token }),
      ...options.env,
    }),
    logPath: join(options.folder, `${options.name}.log`),
    clockOffsetMs: options.clockOffsetMs,
    ready: async () => true,
    reaper: options.reaper,
  });
  await program.start();
  return program;
}
