import { fileURLToPath } from "node:url";
import { failures } from "./failures.ts";

/** Where a repository is, taken apart. */
export type Address =
  | { readonly kind: "http"; readonly url: string; readonly host: string }
  | {
      readonly kind: "ssh";
      readonly user: string;
      readonly host: string;
      readonly port: number;
      /** As the server is asked for it. */
      readonly path: string;
    }
  | { readonly kind: "file"; readonly path: string };

const HOST = /^(?!-)[A-Za-z0-9._-]+$|^[0-9A-Fa-f:.]+$/;
const USER = /^(?!-)[A-Za-z0-9._-]+$/;
const SSH_PORT = 22;

/** @throws AppError "invalid" for everything that is no address of a repository, `ext::` and options among it. */
export function parseAddress(url: string): Address {
  if (/^https?:\/\//i.test(url)) return parseHttp(url);
  if (/^ssh:\/\//i.test(url)) return parseSsh(url);
  if (/^file:\/\//i.test(url)) return parseFile(url);
  const scp = /^([^@:/\s]+)@(\[[^\]]+\]|[^:/@\s]+):(?!:)(.+)$/.exec(url);
  if (scp === null) throw failures.unsupported(url, "this is no address of a Git repository");
  const [, user = "", host = "", path = ""] = scp;
  return checkSsh(url, { kind: "ssh", user, host: bare(host), port: SSH_PORT, path });
}

function parseHttp(url: string): Address {
  const parsed = tryParse(url);
  if (parsed.username !== "" || parsed.password !== "") {
    throw failures.unsupported(url, "an address holds no credentials");
  }
  if (parsed.search !== "" || parsed.hash !== "") throw failures.unsupported(url, "it has a query or a fragment");
  return { kind: "http", url: parsed.href.replace(/\/+$/, ""), host: bare(parsed.hostname) };
}

function parseSsh(url: string): Address {
  const parsed = tryParse(url);
  if (parsed.password !== "") throw failures.unsupported(url, "an address holds no credentials");
  return checkSsh(url, {
    kind: "ssh",
    user: decodeURIComponent(parsed.username) || "git",
    host: bare(parsed.hostname),
    port: Number(parsed.port || SSH_PORT),
    // As git has it: `/~ada/fleet` is below her home.
    path: decodeURIComponent(parsed.pathname).replace(/^\/~/, "~"),
  });
}

function checkSsh(url: string, address: Extract<Address, { kind: "ssh" }>): Address {
  if (!HOST.test(address.host)) throw failures.unsupported(url, "this is no name of a host");
  if (!USER.test(address.user)) throw failures.unsupported(url, "this is no name of a user");
  // It becomes an argument of a command on the server.
  if (address.path === "" || address.path.startsWith("-") || /\p{C}/u.test(address.path)) {
    throw failures.unsupported(url, "this is no path on a server");
  }
  return address;
}

function parseFile(url: string): Address {
  try {
    return { kind: "file", path: fileURLToPath(url) };
  } catch {
    throw failures.unsupported(url, "this is no path on this machine; write it as file:///path");
  }
}

function tryParse(url: string): URL {
  try {
    return new URL(url);
  } catch {
    throw failures.unsupported(url, "this is no address");
  }
}

/** IPv6 addresses come in brackets. */
const bare = (host: string): string => host.replace(/^\[(.*)\]$/, "$1");
