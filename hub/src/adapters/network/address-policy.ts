import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { abortedBy, withDeadline } from "@muster/shared/deadline.ts";
import { AppError } from "@muster/shared/errors.ts";
import type { AddressPolicy } from "../../ports/address-policy.ts";
import { type AllowedAddresses, isAllowed, rangeOf } from "./judge-address.ts";

/** Every address of a host, as the system resolves it. */
export type Lookup = (host: string) => Promise<readonly string[]>;

const LOOKUP_TIMEOUT_MS = 10_000;

const PLACES = {
  public: "the outside",
  loopback: "the hub's own machine",
  private: "a private network",
  "link-local": "the hub's own link, where clouds keep their machines' credentials",
  unspecified: "no host in particular",
  multicast: "many hosts at once",
  reserved: "a reserved range",
} as const;

/**
 * Judges hosts by what they resolve to, however they are spelt. One address that is not allowed condemns the whole
 * answer: which of them a connection would use is not ours to hope for.
 */
export function createAddressPolicy(allowed: AllowedAddresses, lookUp: Lookup = lookUpAll): AddressPolicy {
  return {
    async resolve(written, { signal }) {
      const host = written.replace(/^\[(.*)\]$/, "$1");
      const addresses = isIP(host) === 0 ? await within(lookUp(host), host, signal) : [host];
      if (addresses.length === 0) throw unresolved(host);
      const refused = addresses.find((address) => !isAllowed(address, allowed));
      if (refused !== undefined) throw refusal(host, refused);
      return addresses;
    },
  };
}

async function lookUpAll(host: string): Promise<readonly string[]> {
  return (await lookup(host, { all: true })).map(({ address }) => address);
}

/** The system's resolver cannot be stopped: its answer is no longer waited for. */
async function within(answer: Promise<readonly string[]>, host: string, stop: AbortSignal): Promise<readonly string[]> {
  const signal = withDeadline(LOOKUP_TIMEOUT_MS, stop);
  const what = `resolving ${host}`;
  if (signal.aborted) throw abortedBy(signal, what);
  const { promise: stopped, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(abortedBy(signal, what, { timeoutMs: LOOKUP_TIMEOUT_MS }));
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([answer.catch((cause: unknown) => Promise.reject(unresolved(host, cause))), stopped]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

const unresolved = (host: string, cause?: unknown): AppError =>
  new AppError("unavailable", `the name ${host} does not resolve`, {
    cause,
    fix: "Check the address for a typo, and that the hub can reach a DNS server.",
  });

function refusal(host: string, address: string): AppError {
  const where = host === address ? host : `${host} (${address})`;
  return new AppError("forbidden", `${where} may not be reached: it leads to ${PLACES[rangeOf(address)]}`, {
    fix: `If it is meant to be reached, an administrator starts the hub with --allow-addresses ${address}, or with the network it is in.`,
  });
}
