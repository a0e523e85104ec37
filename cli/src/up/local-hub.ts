import { hubConfig } from "@muster/hub/config.ts";
import { createHubProcess, type HubProcess } from "@muster/hub/create-hub-process.ts";
import type { Log } from "@muster/shared/log.ts";

/** A whole hub inside this process, on loopback ports that the machine chooses. */
export function startLocalHub(options: {
  /** Database, keys, Git mirrors and the token file; made if it is not there. */
  readonly folder: string;
  /** `isomorphic` needs nothing installed. */
  readonly gitEngine: "auto" | "isomorphic";
  readonly webhookSecret?: string;
  readonly log: Log;
  readonly onFatal: (error: unknown) => void;
}): Promise<HubProcess> {
  const { folder, gitEngine, webhookSecret, log, onFatal } = options;
  const config = hubConfig.parse({
    "data-dir": folder,
    listen: "127.0.0.1:0",
    "link-listen": "127.0.0.1:0",
    "git-engine": gitEngine,
    "render-workers": 1,
    // It is the user's own machine and network: a repository in a folder or on a forge beside it is what it is for.
    "allow-addresses": "loopback,private",
    "allow-file-urls": "true",
    ...(webhookSecret === undefined ? {} : { "webhook-secret": webhookSecret }),
  });
  return createHubProcess(config, { log, onFatal });
}
