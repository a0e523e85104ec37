import { buildTools, installGo } from "../control-plane/build/build-tools.ts";
import { binaryPath, isBuilt } from "../control-plane/build/cache-folder.ts";
import { goVersion } from "../control-plane/build/go-build.ts";
import type { Availability } from "../control-plane/provider.ts";
import { isContinuousIntegration } from "../control-plane/test-clusters.ts";
import { tools } from "../control-plane/versions.ts";

/** Flags of a hub that renders with the helm and kustomize that tests were built with. */
export const renderToolFlags: readonly string[] = [
  ...["--helm", binaryPath(tools.helm, "helm")],
  ...["--kustomize", binaryPath(tools.kustomize, "kustomize")],
];

/**
 * Whether suites that render with the real tools can run; they are built now if they were not. Meant for a top-level
 * await of a test file.
 *
 * @throws when they cannot and `CI` is set.
 */
export async function renderToolsAvailability(env: NodeJS.ProcessEnv = process.env): Promise<Availability> {
  if ((isBuilt(tools.helm) && isBuilt(tools.kustomize)) || (await goVersion())) {
    await buildTools(["kustomize", "helm"]);
    return { ok: true };
  }
  const reason = "there is no Go to build helm and kustomize with";
  if (isContinuousIntegration(env)) throw new Error(`CI must run the suites that render: ${reason}; ${installGo}`);
  console.warn(`skipped: suites with helm and kustomize: ${reason}. To run them: ${installGo}.`);
  return { ok: false, reason, install: installGo };
}
