import { buildTools, installGo } from "../control-plane/build/build-tools.ts";
import { isBuilt } from "../control-plane/build/cache-folder.ts";
import { goVersion } from "../control-plane/build/go-build.ts";
import type { Availability } from "../control-plane/provider.ts";
import { isContinuousIntegration } from "../control-plane/test-clusters.ts";
import { tools } from "../control-plane/versions.ts";

/**
 * Whether suites with Gitea can run, which is built now if it was not. Meant for a top-level await of a test file.
 *
 * @throws when it cannot and `CI` is set.
 */
export async function giteaAvailability(env: NodeJS.ProcessEnv = process.env): Promise<Availability> {
  if (isBuilt(tools.gitea) || (await goVersion())) {
    await buildTools(["gitea"]);
    return { ok: true };
  }
  const reason = "there is no Go to build Gitea with";
  if (isContinuousIntegration(env)) throw new Error(`CI must run the suites that need Gitea: ${reason}; ${installGo}`);
  console.warn(`skipped: suites with Gitea: ${reason}. To run them: ${installGo}.`);
  return { ok: false, reason, install: installGo };
}
