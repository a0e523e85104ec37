import { rootCertificates } from "node:tls";
import { AppError } from "@muster/shared/errors.ts";
import type { GitRemote } from "../../../ports/git-source.ts";
import { authorizationOf, hasOrigin } from "../http.ts";
import type { Link } from "../link.ts";
import type { SecretFiles } from "../secret-files.ts";
import { quoted, withSsh } from "../ssh.ts";
import { gitEnvironment } from "./run-git.ts";

export interface Transport {
  readonly url: string;
  readonly environment: NodeJS.ProcessEnv;
}

/**
 * Runs `work` with what a git process needs to reach a remote, and to reach nothing else: the addresses that were
 * judged, no redirect, these credentials. What must be a file is one that only we may read, for as long as `work` takes.
 */
export async function withTransport<T>(
  secrets: SecretFiles,
  remote: GitRemote,
  link: Link,
  work: (transport: Transport) => Promise<T>,
): Promise<T> {
  switch (link.kind) {
    case "file":
      return work({ url: remote.url, environment: gitEnvironment({ config: [["protocol.file.allow", "always"]] }) });
    case "ssh":
      return withSsh(secrets, remote, link.address, link.reachedAt, (options) =>
        work({
          url: remote.url,
          environment: gitEnvironment({
            config: [["protocol.ssh.allow", "always"]],
            variables: { GIT_SSH_COMMAND: ["ssh", ...options].map(quoted).join(" "), GIT_SSH_VARIANT: "ssh" },
          }),
        }),
      );
    case "http":
      return withHttp(secrets, remote, link, work);
  }
}

async function withHttp<T>(
  secrets: SecretFiles,
  remote: GitRemote,
  link: Extract<Link, { kind: "http" }>,
  work: (transport: Transport) => Promise<T>,
): Promise<T> {
  const { tls, proxy } = remote.credentials;
  const { origin, hostname, port, protocol } = new URL(link.base);
  const addresses = await link.addresses();
  const config: [string, string][] = [
    ["protocol.http.allow", "always"],
    ["protocol.https.allow", "always"],
    // Redirects were followed, and judged, when the refs were listed.
    ["http.followRedirects", "false"],
    ["http.proxy", proxy ?? ""],
  ];
  if (proxy === null) {
    const [first, ...others] = addresses.map((address) => (address.includes(":") ? `[${address}]` : address));
    if (first === undefined) throw new AppError("unavailable", `${hostname} has no address`);
    const target = `${hostname.replace(/^\[|\]$/g, "")}:${port || (protocol === "https:" ? 443 : 80)}`;
    config.push(["http.curloptResolve", `${target}:${[first, ...others].join(",")}`]);
  }
  const isOwn = hasOrigin(remote.url, origin);
  const authorization = isOwn ? authorizationOf(remote.credentials) : null;
  if (authorization !== null) config.push([`http.${link.base}.extraHeader`, `Authorization: ${authorization}`]);
  const client = isOwn ? tls.client : null;
  if (tls.ca === null && client === null) return work({ url: link.base, environment: gitEnvironment({ config }) });

  const files = {
    // Git knows one file of authorities: this one beside those that Node has.
    ca: [...rootCertificates, tls.ca ?? ""].join("\n"),
    certificate: client?.certificate ?? "",
    key: client?.key ?? "",
  };
  return secrets.during(files, (paths) => {
    config.push(["http.sslCAInfo", paths.ca]);
    if (client !== null) config.push(["http.sslCert", paths.certificate], ["http.sslKey", paths.key]);
    return work({ url: link.base, environment: gitEnvironment({ config }) });
  });
}
