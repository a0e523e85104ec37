import { AppError } from "@muster/shared/errors.ts";
import { nearestName } from "@muster/shared/nearest-name.ts";
import { parseRemote } from "../../core/remote-address.ts";
import type { Credentials } from "../../ports/credentials.ts";
import { KNOWN_FILES, type KnownFile, type Mount } from "./read-mount.ts";
import { checkPrivateKey } from "./ssh-key.ts";

export interface GithubApp {
  readonly kind: "github-app";
  readonly appId: string;
  readonly installationId: string;
  /** PEM. */
  readonly privateKey: string;
  /** Without a slash at its end. */
  readonly apiUrl: string;
}

export interface ParsedCredential {
  /** A GitHub App is exchanged for a token before it is used. */
  readonly auth: Credentials["auth"] | GithubApp;
  readonly tls: Credentials["tls"];
  readonly proxy: Credentials["proxy"];
}

const SSH_FILES = ["sshPrivateKey", "ssh-privatekey", "identity"] as const;
const APP_FILES = ["githubAppID", "githubAppInstallationID", "githubAppPrivateKey"] as const;
const SSH_PORT = 22;
const GITHUB_API = "https://api.github.com";
/** Would end a header or a line of git's credential protocol early. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const CONTROL = /[\x00-\x1f\x7f]/;

/**
 * What the files of a credential are, by their names.
 * @throws AppError "invalid" that names the file and what to do; never what is in it.
 */
export function parseCredential(name: string, mount: Mount, url: string): ParsedCredential {
  const { files } = mount;
  const refuse = (what: string, fix: string): AppError =>
    new AppError("invalid", `credential ${name}: ${what}`, { fix });
  const text = (file: KnownFile): string => {
    const found = files.get(file);
    if (found === undefined) throw refuse(`the file "${file}" is missing`, `Add "${file}" to what is mounted.`);
    if (found.trim() === "") throw refuse(`the file "${file}" is empty`, `Put the value into "${file}".`);
    return found;
  };
  const line = (file: KnownFile): string => {
    const found = text(file);
    if (!CONTROL.test(found)) return found;
    throw refuse(`the file "${file}" has a line break or control character in it`, `"${file}" is one line of text.`);
  };
  const pem = (file: KnownFile, label: RegExp, what: string): string => {
    const found = text(file);
    if (label.test(found)) return `${found.trimEnd()}\n`;
    throw refuse(`the file "${file}" is not ${what} as PEM`, `PEM begins with a line such as -----BEGIN ….`);
  };

  function ssh(file: KnownFile): Credentials["auth"] {
    const privateKey = `${text(file).replaceAll("\r\n", "\n").trimEnd()}\n`;
    const problem = checkPrivateKey(privateKey);
    if (problem !== null) throw refuse(`the file "${file}" ${problem.what}`, problem.fix);
    const knownHosts = files.get("known_hosts") ?? "";
    if (!knownHosts.split("\n").some((entry) => entry.trim() !== "" && !entry.startsWith("#"))) {
      throw refuse(
        'the file "known_hosts" is missing or empty, so nobody could tell the server from another one',
        `Make it with: ${keyscan(url)} > known_hosts — and compare the fingerprints (ssh-keygen -lf known_hosts) with those that the server's operator publishes.`,
      );
    }
    return { kind: "ssh", privateKey, knownHosts: `${knownHosts.trimEnd()}\n` };
  }

  function githubApp(): GithubApp {
    const apiUrl = files.has("githubAppBaseURL") ? line("githubAppBaseURL").trim().replace(/\/+$/, "") : GITHUB_API;
    if (!/^https?:$/.test(URL.parse(apiUrl)?.protocol ?? "")) {
      throw refuse('the file "githubAppBaseURL" is no address', "Write it as https://github.example.com/api/v3.");
    }
    const [appId, installationId] = [line("githubAppID").trim(), line("githubAppInstallationID").trim()];
    if (!/^[\w.-]{1,64}$/.test(appId) || !/^\d{1,20}$/.test(installationId)) {
      throw refuse("the GitHub App's ids are not as GitHub gives them", "The ids are on the App's own settings page.");
    }
    const privateKey = pem("githubAppPrivateKey", /-----BEGIN (RSA )?PRIVATE KEY-----/, "a private key");
    return { kind: "github-app", appId, installationId, privateKey, apiUrl };
  }

  function auth(): ParsedCredential["auth"] {
    const sshFile = SSH_FILES.find((file) => files.has(file));
    const kinds = [
      ...(files.has("token") || files.has("username") || files.has("password")
        ? ["token or username and password"]
        : []),
      ...(sshFile === undefined ? [] : [sshFile]),
      ...(APP_FILES.some((file) => files.has(file)) ? ["githubApp…"] : []),
    ];
    if (kinds.length > 1) {
      throw refuse(`it is of more than one kind (${kinds.join("; ")})`, "Make a credential of its own for each kind.");
    }
    if (sshFile !== undefined) return ssh(sshFile);
    if (APP_FILES.some((file) => files.has(file))) return githubApp();
    if (files.has("token")) {
      if (files.has("password")) throw refuse('it has both "token" and "password"', "Keep one of them.");
      const token = line("token").trim();
      // Some forges' tokens belong to a user name of their own.
      return files.has("username")
        ? { kind: "basic", username: line("username").trim(), password: token }
        : { kind: "token", token };
    }
    if (files.has("username") || files.has("password")) {
      return { kind: "basic", username: line("username").trim(), password: line("password") };
    }
    return { kind: "none" };
  }

  const tls = {
    ca: files.has("ca.crt") ? pem("ca.crt", /-----BEGIN CERTIFICATE-----/, "a certificate") : null,
    client:
      files.has("tls.crt") || files.has("tls.key")
        ? {
            certificate: pem("tls.crt", /-----BEGIN CERTIFICATE-----/, "a certificate"),
            key: pem("tls.key", /-----BEGIN ([A-Z]+ )?PRIVATE KEY-----/, "a private key"),
          }
        : null,
  };
  const proxy = files.has("proxy") ? line("proxy").trim() : null;
  if (proxy !== null && !/^https?:$/.test(URL.parse(proxy)?.protocol ?? "")) {
    throw refuse('the file "proxy" is no address of an HTTP proxy', "Write it as http://proxy.example.com:3128.");
  }
  const parsed = { auth: auth(), tls, proxy };
  if (parsed.auth.kind === "none" && tls.ca === null && tls.client === null && proxy === null) {
    throw refuse("it holds nothing that could be used", nothingFix(mount.unknown));
  }
  return parsed;
}

function keyscan(url: string): string {
  const remote = parseRemote(url);
  const hasPort = remote?.scheme === "ssh" && remote.port !== null && remote.port !== SSH_PORT;
  return `ssh-keyscan ${hasPort ? `-p ${remote.port} ` : ""}${remote?.host ?? "HOST"}`;
}

function nothingFix(unknown: readonly string[]): string {
  const guesses = unknown.flatMap((file) => {
    const nearest = nearestName(file, KNOWN_FILES);
    return nearest === null ? [] : [`"${file}" may be meant as "${nearest}".`];
  });
  return [
    ...guesses,
    'Add "token"; or "username" and "password"; or "sshPrivateKey" and "known_hosts"; or a GitHub App\'s files; or "ca.crt", "tls.crt" and "tls.key", "proxy".',
  ].join(" ");
}
