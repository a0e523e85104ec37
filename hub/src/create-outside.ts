import type { Clock } from "@muster/shared/clock.ts";
import type { Log } from "@muster/shared/log.ts";
import { openMountedCredentials } from "./adapters/credentials/open.ts";
import { createAddressPolicy } from "./adapters/network/address-policy.ts";
import { parseAllowed } from "./adapters/network/judge-address.ts";
import { createJudgedDispatcher, type DispatcherOf } from "./adapters/network/judged-dispatcher.ts";
import type { HubConfig } from "./config.ts";
import type { AddressPolicy } from "./ports/address-policy.ts";
import type { CredentialStore } from "./ports/credentials.ts";

/** What the hub meets the outside with: where it may connect to, how, and with which credentials. */
export interface Outside {
  readonly policy: AddressPolicy;
  readonly dispatcherOf: DispatcherOf;
  readonly credentials: CredentialStore;
  close(): void;
}

/** @throws AppError "invalid" for addresses to allow that are none. */
export function createOutside(
  config: Pick<HubConfig, "allow-addresses" | "credentials-dir">,
  { clock, log }: { clock: Clock; log: Log },
): Outside {
  const policy = createAddressPolicy(parseAllowed(config["allow-addresses"]));
  const dispatcherOf: DispatcherOf = (options) => createJudgedDispatcher(policy, options);
  const directory = config["credentials-dir"] ?? null;
  const credentials = openMountedCredentials({ directory, dispatcherOf, clock, log });
  return { policy, dispatcherOf, credentials, close: () => credentials.close() };
}
