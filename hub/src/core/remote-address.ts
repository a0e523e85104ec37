/**
 * A remote's address taken apart so that two spellings of one place are equal: `HTTPS://git.Example.com:443/a/../b.git`
 * and `https://git.example.com/b`. What a credential is bound to is compared with these.
 */
export interface RemoteAddress {
  /** Lower case, without the colon; an scp-style address is `ssh`. */
  readonly scheme: string;
  /** Lower case, punycode, IP addresses in their usual spelling. Empty for `file`. */
  readonly host: string;
  /** The scheme's own when none is written; null where neither is known. */
  readonly port: number | null;
  /** Decoded, without dot segments and empty ones. */
  readonly segments: readonly string[];
}

const DEFAULT_PORTS: Readonly<Record<string, number>> = { http: 80, https: 443, oci: 443, ssh: 22, git: 9418 };
/** `user@host:path`, as git and scp write it: no `://`, and a colon before the first slash. */
const SCP = /^(?:[^@/]+@)?(\[[^\]]+\]|[^:/[\]@]+):(?!\/\/)(.*)$/;
const ADDRESS = /^([a-z][a-z0-9+.-]*):\/\/([^/]*)(\/.*)?$/i;
/** Programs disagree about what these mean, so an address with one of them is equal to nothing. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const AMBIGUOUS = /[\x00-\x20\x7f\\?#]/;

/** Null when it is no address, or one that could be read in two ways. */
export function parseRemote(text: string): RemoteAddress | null {
  if (AMBIGUOUS.test(text)) return null;
  const [, scheme, authority, path = "/"] = ADDRESS.exec(text) ?? [];
  if (scheme !== undefined && authority !== undefined) return fromParts(scheme.toLowerCase(), authority, path);
  const [, host, home] = SCP.exec(text) ?? [];
  if (host === undefined || home === undefined) return null;
  // `[host:port]:path` is git's own way to name a port here.
  const withPort = /^\[([^:\]]+:\d+)\]$/.exec(host)?.[1];
  return fromParts("ssh", withPort ?? host, home.startsWith("/") ? home : `/${home}`);
}

/**
 * Whether `address` is at or below `prefix`, segment by segment: `…/team` holds `…/team/shop`, not `…/teams`.
 * `.git` at the end of a repository's name makes no difference.
 */
export function isAtOrBelow(address: RemoteAddress, prefix: RemoteAddress): boolean {
  if (address.scheme !== prefix.scheme || address.host !== prefix.host || address.port !== prefix.port) return false;
  return prefix.segments.every((wanted, index) => {
    const segment = address.segments[index];
    if (segment === undefined || segment === wanted) return segment === wanted;
    const isPrefixEnd = index === prefix.segments.length - 1;
    const isName = index === address.segments.length - 1 || wanted.endsWith(".git");
    return isPrefixEnd && isName && withoutGit(segment) === withoutGit(wanted);
  });
}

/** As it may be shown and written down: the normal spelling, without user or password. */
export function formatRemote({ scheme, host, port, segments }: RemoteAddress): string {
  const authority = port === null || port === DEFAULT_PORTS[scheme] ? host : `${host}:${port}`;
  return `${scheme}://${authority}/${segments.map(encodeURIComponent).join("/")}`;
}

function fromParts(scheme: string, authority: string, path: string): RemoteAddress | null {
  const place = authority.slice(authority.lastIndexOf("@") + 1);
  const match = /^(\[[^\]]*\]|[^:[\]]*)(?::(\d*))?$/.exec(place);
  if (match === null) return null;
  const [, written = "", digits] = match;
  if (written === "" ? scheme !== "file" || digits !== undefined : scheme === "file") return null;
  const host = written === "" ? "" : normalHost(written);
  const segments = normalSegments(path);
  const port = digits === undefined || digits === "" ? (DEFAULT_PORTS[scheme] ?? null) : Number(digits);
  if (host === null || segments === null || (port !== null && (port < 1 || port > 65_535))) return null;
  return { scheme, host, port, segments };
}

function normalHost(written: string): string | null {
  const url = URL.parse(`http://${written}`);
  return url === null || url.pathname !== "/" || url.hostname === "" ? null : url.hostname.replace(/\.$/, "");
}

function normalSegments(path: string): readonly string[] | null {
  const segments: string[] = [];
  for (const written of path.split("/")) {
    const segment = decoded(written);
    // Decoded once more, it could name another place: a slash, a dot segment, another escape.
    if (segment === null || /[%/]/.test(segment) || AMBIGUOUS.test(segment.replaceAll(" ", ""))) return null;
    if (segment === "..") segments.pop();
    else if (segment !== "" && segment !== ".") segments.push(segment);
  }
  return segments;
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

const withoutGit = (segment: string): string => segment.replace(/(?<=.)\.git$/, "");
