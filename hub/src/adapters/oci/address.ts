import { AppError } from "@muster/shared/errors.ts";

/** A repository of a registry. */
export interface OciAddress {
  /** `https://registry.example.com`. */
  readonly origin: string;
  /** `team/charts/shop`. */
  readonly repository: string;
  /** As people wrote it. */
  readonly text: string;
}

const REPOSITORY = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** The name people use, and where its registry is. */
const REGISTRY_HOSTS: ReadonlyMap<string, string> = new Map([
  ["docker.io", "registry-1.docker.io"],
  ["index.docker.io", "registry-1.docker.io"],
]);

/**
 * Reads `oci://host[:port]/path`. `isPlainHttp` names the hosts that are spoken to without TLS.
 * @throws AppError "invalid".
 */
export function parseOciAddress(text: string, isPlainHttp: (host: string) => boolean): OciAddress {
  const refuse = (why: string): AppError =>
    new AppError("invalid", `${JSON.stringify(text.slice(0, 300))} is not the address of an OCI repository: ${why}`, {
      fix: "Write oci://registry.example.com/path/name, without tag, user or password.",
    });
  const match = /^oci:\/\/([^/@\s]+)\/(.+?)\/*$/.exec(text);
  if (match === null) throw refuse("it reads oci://host/path");
  const [, authority = "", repository = ""] = match;
  const url = URL.parse(`https://${REGISTRY_HOSTS.get(authority) ?? authority}`);
  if (url === null || url.pathname !== "/" || url.search !== "" || url.hash !== "") throw refuse("its host is none");
  if (repository.length > 255 || !REPOSITORY.test(repository)) {
    const hint = /[A-Z]/.test(repository) ? ", and no capitals" : "";
    throw refuse(`a path has lower-case letters, digits and single ".", "_", "-", "/" between them${hint}`);
  }
  const protocol = isPlainHttp(url.hostname) ? "http:" : "https:";
  return { origin: `${protocol}//${url.host}`, repository, text: `oci://${authority}/${repository}` };
}

/** As docker, helm and oras do: nobody has a certificate for these. */
export const isLoopbackHost = (host: string): boolean => /^(localhost|127(\.\d+){3}|\[::1\])$/.test(host);

export const isTag = (text: string): boolean => TAG.test(text);
export const isOciDigest = (text: string): boolean => DIGEST.test(text);
