import type { Clock } from "@muster/shared/clock.ts";
import { AppError } from "@muster/shared/errors.ts";
import type { Log } from "@muster/shared/log.ts";
import { name as nameSchema } from "@muster/shared/model/ids.ts";
import type { Dispatcher } from "undici";
import type { CredentialStore, Credentials } from "../../ports/credentials.ts";
import { checkBinding } from "./binding.ts";
import { createInstallationTokens } from "./github-app.ts";
import { parseCredential } from "./parse-credential.ts";
import { readMount } from "./read-mount.ts";

/**
 * Credentials as Kubernetes mounts Secrets: a directory for each, a file for each of its parts. Read at each use, so
 * that a rotated Secret, or a narrowed binding, counts from the next fetch on.
 */
export function openMountedCredentials(deps: {
  /** Null: there are none. */
  readonly directory: string | null;
  /** For a GitHub App's tokens: connections that obey the hub's address policy. */
  readonly dispatcherOf: (connection: Pick<Credentials, "tls" | "proxy">) => Dispatcher;
  readonly clock: Clock;
  readonly log: Log;
}): CredentialStore & { close(): void } {
  const { directory } = deps;
  const tokens = createInstallationTokens(deps);
  return {
    async resolve(name, use, { signal }) {
      if (directory === null) {
        throw new AppError("not-found", `there is no credential ${JSON.stringify(name)}: the hub has none mounted`, {
          fix: "Start the hub with --credentials-dir, a directory with one directory for each credential.",
        });
      }
      const mount = nameSchema.safeParse(name).success ? await readMount(directory, name) : null;
      if (mount === null) {
        throw new AppError(
          "not-found",
          `there is no credential ${JSON.stringify(name)} in the hub's --credentials-dir`,
          {
            fix: "Mount it there as a directory of this name, or correct the name in the definition.",
          },
        );
      }
      checkBinding(name, mount, use);
      const { auth, tls, proxy } = parseCredential(name, mount, use.url);
      if (auth.kind !== "github-app") return { auth, tls, proxy };
      const token = await tokens.tokenOf(name, auth, { tls, proxy }, { signal });
      return { auth: { kind: "token", token }, tls, proxy };
    },
    close: () => tokens.close(),
  };
}
