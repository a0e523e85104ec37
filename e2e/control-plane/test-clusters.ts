import type { ClusterNeeds, ClusterProvider, ControlPlane, StartOptions } from "./provider.ts";
import { builtProvider } from "./providers/built.ts";
import { kindProvider } from "./providers/kind.ts";
import { kubeconfigProvider } from "./providers/kubeconfig.ts";

export type ControlPlaneAvailability =
  | { readonly ok: true; readonly provider: ClusterProvider }
  | { readonly ok: false; readonly reason: string; readonly install: string };

/**
 * Which provider suites get, with its slow work done (a first run builds the binaries, and says so). Meant for a
 * top-level await of a test file, where no test's timeout runs yet.
 *
 * @throws when there is none and `CI` is set: CI never skips.
 */
export async function controlPlaneAvailability(
  needs: ClusterNeeds = {},
  env: NodeJS.ProcessEnv = process.env,
): Promise<ControlPlaneAvailability> {
  const answer = await firstAvailable(needs, env);
  if (answer.ok) {
    await answer.provider.prepare(needs);
    return answer;
  }
  if (isContinuousIntegration(env)) {
    throw new Error(`CI must run the suites that need clusters: ${answer.reason}; ${answer.install}`);
  }
  return answer;
}

/**
 * Starts clusters with whatever provider there is; the caller stops the answer.
 *
 * @throws when there is none, or one does not start.
 */
export async function createTestClusters(options: StartOptions): Promise<ControlPlane> {
  const answer = await controlPlaneAvailability(options);
  if (!answer.ok) throw new Error(`no test clusters: ${answer.reason}; ${answer.install}`);
  return answer.provider.start(options);
}

/** By `MUSTER_TEST_PROVIDER`; without it the first that works. */
async function firstAvailable(needs: ClusterNeeds, env: NodeJS.ProcessEnv): Promise<ControlPlaneAvailability> {
  const wanted = env.MUSTER_TEST_PROVIDER;
  const candidates = wanted ? [namedProvider(wanted, env)] : [builtProvider(), kindProvider(kindOptions(env))];
  let refusal: ControlPlaneAvailability | undefined;
  for (const provider of candidates) {
    const answer = await provider.available(needs);
    if (answer.ok) return { ok: true, provider };
    refusal ??= answer;
  }
  return refusal as ControlPlaneAvailability;
}

function namedProvider(kind: string, env: NodeJS.ProcessEnv): ClusterProvider {
  switch (kind) {
    case "built":
      return builtProvider();
    case "kind":
      return kindProvider(kindOptions(env));
    case "kubeconfig":
      return kubeconfigProvider({
        kubeconfigPath: env.MUSTER_TEST_KUBECONFIG,
        contexts: (env.MUSTER_TEST_CONTEXTS ?? "").split(",").filter((context) => context !== ""),
      });
    default:
      throw new Error(`MUSTER_TEST_PROVIDER is "${kind}"; it must be built, kind or kubeconfig`);
  }
}

const kindOptions = (env: NodeJS.ProcessEnv) => ({ image: env.MUSTER_TEST_KIND_IMAGE });

export const isContinuousIntegration = (env: NodeJS.ProcessEnv): boolean =>
  env.CI !== undefined && env.CI !== "" && env.CI !== "false" && env.CI !== "0";
