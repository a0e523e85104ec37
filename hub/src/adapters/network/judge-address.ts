import { AppError } from "@muster/shared/errors.ts";
import ipaddr from "ipaddr.js";

/** What an address is of. Only `public` may be reached without being allowed. */
export type AddressRange = "public" | "loopback" | "private" | "link-local" | "unspecified" | "multicast" | "reserved";

/** `all`, or ranges by their name and as networks. Made by `parseAllowed`. */
export interface AllowedAddresses {
  readonly all: boolean;
  readonly ranges: ReadonlySet<AddressRange>;
  readonly networks: readonly (readonly [ipaddr.IPv4 | ipaddr.IPv6, number])[];
}

const RANGES: Readonly<Record<string, AddressRange>> = {
  unicast: "public",
  loopback: "loopback",
  private: "private",
  uniqueLocal: "private",
  carrierGradeNat: "private",
  deprecatedSiteLocal: "private",
  linkLocal: "link-local",
  unspecified: "unspecified",
  multicast: "multicast",
};
/** Beyond it, IPv6 holds nothing that is routed on the Internet. */
const GLOBAL_UNICAST: [ipaddr.IPv6, number] = [ipaddr.IPv6.parse("2000::"), 3];
/** Azure's host services: a public address by its number, and reachable from every machine there. */
const AZURE_HOST = "168.63.129.16";
const NAMES: readonly string[] = ["loopback", "private", "link-local"];

/** @param address an IP address as the system's resolver writes it, with or without a zone. */
export function rangeOf(address: string): AddressRange {
  const parsed = carried(parse(address));
  const range = RANGES[parsed.range()] ?? "reserved";
  if (parsed.toString() === AZURE_HOST) return "link-local";
  if (range === "public" && parsed instanceof ipaddr.IPv6 && !parsed.match(GLOBAL_UNICAST)) return "reserved";
  return range;
}

export function isAllowed(address: string, allowed: AllowedAddresses): boolean {
  const range = rangeOf(address);
  if (allowed.all || range === "public" || allowed.ranges.has(range)) return true;
  const whole = parse(address);
  return [whole, carried(whole)].some((candidate) =>
    allowed.networks.some(([network, bits]) => candidate.kind() === network.kind() && candidate.match(network, bits)),
  );
}

/**
 * What the hub was told to allow: networks (`10.1.0.0/16`), single addresses, `loopback`, `private`, `link-local`, or
 * `all`. @throws AppError "invalid" that names the key and what is wrong.
 */
export function parseAllowed(texts: readonly string[]): AllowedAddresses {
  const ranges = new Set<AddressRange>();
  const networks: [ipaddr.IPv4 | ipaddr.IPv6, number][] = [];
  for (const text of texts) {
    if (text === "all") continue;
    if (NAMES.includes(text)) ranges.add(text as AddressRange);
    else networks.push(parseNetwork(text));
  }
  return { all: texts.includes("all"), ranges, networks };
}

function parseNetwork(text: string): [ipaddr.IPv4 | ipaddr.IPv6, number] {
  try {
    if (text.includes("/")) return ipaddr.parseCIDR(text);
    const address = ipaddr.parse(text);
    // The library also reads `10` and `0x7f.1`; here only what can be nothing else is meant.
    if (address.kind() === "ipv4" && !ipaddr.IPv4.isValidFourPartDecimal(text)) throw new Error("not four parts");
    return [address, address.kind() === "ipv4" ? 32 : 128];
  } catch (cause) {
    throw new AppError("invalid", `--allow-addresses: ${JSON.stringify(text)} is no network and no range.`, {
      cause,
      fix: "Give networks (10.1.0.0/16), single addresses, loopback, private, link-local, or all, separated by commas.",
    });
  }
}

const parse = (address: string): ipaddr.IPv4 | ipaddr.IPv6 => ipaddr.parse(address.replace(/%.*$/, ""));

/** The IPv4 address that an IPv6 one carries (mapped, translated by NAT64, 6to4): packets end up there. */
function carried(address: ipaddr.IPv4 | ipaddr.IPv6): ipaddr.IPv4 | ipaddr.IPv6 {
  if (!(address instanceof ipaddr.IPv6)) return address;
  const bytes = address.toByteArray();
  switch (address.range()) {
    case "ipv4Mapped":
    case "rfc6145":
      return new ipaddr.IPv4(bytes.slice(12));
    case "rfc6052":
      // Of 64:ff9b:1::/48 nobody outside can tell where the address lies within.
      return bytes[5] === 0 ? new ipaddr.IPv4(bytes.slice(12)) : address;
    case "6to4":
      return new ipaddr.IPv4(bytes.slice(2, 6));
    default:
      return address;
  }
}
