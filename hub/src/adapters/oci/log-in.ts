import { createHash } from "node:crypto";
import type { Clock, Instant } from "@muster/shared/clock.ts";
import { AppError } from "@muster/shared/errors.ts";
import { getDomain } from "tldts";
import { z } from "zod";
import type { Credentials } from "../../ports/credentials.ts";
import type { HttpClient } from "../../ports/http-client.ts";
import type { OciAddress } from "./address.ts";
import type { Challenge } from "./challenge.ts";

const TOKEN_BYTES_MAX = 64 * 1024;
const TOKEN_TIMEOUT_MS = 30_000;
const TOKENS_MAX = 1_000;
/** What registries mean when they say nothing (distribution's token specification). */
const LIFETIME_SECONDS_DEFAULT = 60;
const LIFETIME_MS_MAX = 3_600_000;
/** So much sooner than a token ends, another is asked for. */
const MARGIN_MS = 10_000;

export interface LogIn {
  /** What worked for this repository and these credentials the last time, if it is still good. */
  remembered(address: OciAddress, credentials: Credentials | null): string | null;
  /**
   * The value of `Authorization` that answers a registry's challenges. A name and password go to the registry itself, or
   * to a token server beside it: on the same host or registrable domain, and not on one without TLS if it has TLS.
   * @throws AppError "unauthenticated", "unavailable", "forbidden", "invalid".
   */
  answer(
    address: OciAddress,
    credentials: Credentials | null,
    challenges: readonly Challenge[],
    opts: { signal: AbortSignal },
  ): Promise<string>;
}

const tokenAnswer = z.object({
  token: z.string().optional(),
  access_token: z.string().optional(),
  expires_in: z.number().optional(),
});

export function createLogIn({ http, clock }: { http: HttpClient; clock: Pick<Clock, "now"> }): LogIn {
  const known = new Map<string, { authorization: string; until: Instant }>();

  return {
    remembered(address, credentials) {
      const found = known.get(keyOf(address, credentials));
      return found !== undefined && found.until > clock.now() ? found.authorization : null;
    },

    async answer(address, credentials, challenges, { signal }) {
      const bearer = challenges.find(({ scheme, parameters }) => scheme === "bearer" && parameters.realm !== undefined);
      // Some say nothing of how, and mean this.
      const isBasic = challenges.length === 0 || challenges.some(({ scheme }) => scheme === "basic");
      const login = bearer ? await bearerToken(address, credentials, bearer, signal) : null;
      const authorization = login?.authorization ?? (isBasic ? basicAuthorization(credentials, address) : null);
      if (authorization === null) {
        const why = hasSecret(credentials)
          ? "a kind of login that Muster does not know"
          : "credentials, and none are named";
        throw new AppError("unauthenticated", `${address.text} asks for ${why}`, {
          fix: "Mount a credential with username and password, or token, in the hub, and name it beside the address.",
        });
      }
      remember(keyOf(address, credentials), { authorization, until: login?.until ?? clock.now() + LIFETIME_MS_MAX });
      return authorization;
    },
  };

  function remember(key: string, login: { authorization: string; until: Instant }): void {
    known.delete(key);
    known.set(key, login);
    const [oldest] = known.keys();
    if (known.size > TOKENS_MAX && oldest !== undefined) known.delete(oldest);
  }

  async function bearerToken(
    address: OciAddress,
    credentials: Credentials | null,
    { parameters }: Challenge,
    signal: AbortSignal,
  ): Promise<{ authorization: string; until: Instant }> {
    const realm = URL.parse(parameters.realm ?? "");
    if (realm === null || !/^https?:$/.test(realm.protocol)) {
      throw new AppError("unavailable", `${address.text} sends logins to something that is no address`);
    }
    if (parameters.service !== undefined) realm.searchParams.set("service", parameters.service);
    // Never more than this: a token for other repositories would be another's to misuse.
    const asked = /^repository:\S+:pull$/.test(parameters.scope ?? "") ? parameters.scope : undefined;
    realm.searchParams.set("scope", asked ?? `repository:${address.repository}:pull`);
    const isTrusted = mayReceive(new URL(address.origin), realm);
    const answer = await http.send({
      method: "GET",
      url: realm.href,
      authorization: isTrusted ? basicAuthorization(credentials, address) : null,
      credentials: isTrusted || credentials === null ? credentials : withoutSecrets(credentials),
      bytesMax: TOKEN_BYTES_MAX,
      timeoutMs: TOKEN_TIMEOUT_MS,
      signal,
    });
    if (answer.status === 401 || answer.status === 403 || answer.status === 400) {
      throw refused(address, realm, { hasCredentials: hasSecret(credentials), isTrusted });
    }
    const said = readJson(answer.body);
    const token = said?.token ?? said?.access_token;
    if (answer.status !== 200 || token === undefined || !/^[\x21-\x7e]+$/.test(token)) {
      throw new AppError("unavailable", `${realm.host} gave no token for ${address.text}: status ${answer.status}`);
    }
    const lifetimeMs = Math.min(LIFETIME_MS_MAX, (said?.expires_in ?? LIFETIME_SECONDS_DEFAULT) * 1_000);
    return { authorization: `Bearer ${token}`, until: clock.now() + lifetimeMs - MARGIN_MS };
  }
}

/** Credentials are secrets, so what is kept of them is their digest. */
const keyOf = ({ origin, repository }: OciAddress, credentials: Credentials | null): string =>
  createHash("sha256")
    .update(JSON.stringify([origin, repository, credentials?.auth ?? null, credentials?.tls.client ?? null]))
    .digest("hex");

const hasSecret = (credentials: Credentials | null): boolean =>
  credentials !== null && credentials.auth.kind !== "none";

const withoutSecrets = (credentials: Credentials): Credentials => ({
  auth: { kind: "none" },
  tls: { ca: credentials.tls.ca, client: null },
  proxy: credentials.proxy,
});

function basicAuthorization(credentials: Credentials | null, { text }: OciAddress): string | null {
  const auth = credentials?.auth;
  switch (auth?.kind) {
    case undefined:
    case "none":
      return null;
    case "basic":
      return basic(auth.username, auth.password);
    case "token":
      // Registries that take a token as a password take it from anybody, but for Google's, which wants this very name.
      return basic("oauth2accesstoken", auth.token);
    case "ssh":
      throw new AppError("invalid", `the credential for ${text} is an SSH key, which no registry takes`, {
        fix: "Mount one with username and password, or with token.",
      });
  }
}

const basic = (username: string, password: string): string =>
  `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;

/** Whether a registry's credentials may go to the token server it names. */
export function mayReceive(registry: URL, realm: URL): boolean {
  if (registry.protocol === "https:" && realm.protocol !== "https:") return false;
  if (registry.hostname === realm.hostname) return true;
  // Neighbours under a suffix where anybody can be one (github.io) are strangers.
  const domain = getDomain(registry.hostname, { allowPrivateDomains: true });
  return domain !== null && domain === getDomain(realm.hostname, { allowPrivateDomains: true });
}

function readJson(bytes: Uint8Array): z.infer<typeof tokenAnswer> | null {
  try {
    return tokenAnswer.parse(JSON.parse(Buffer.from(bytes).toString("utf8")));
  } catch {
    return null;
  }
}

function refused(address: OciAddress, realm: URL, opts: { hasCredentials: boolean; isTrusted: boolean }): AppError {
  if (!opts.hasCredentials) {
    return new AppError("unauthenticated", `${address.text} is not open to everyone, or does not exist`, {
      fix: "Check the address. If it is private, mount a credential for it in the hub, and name it beside the address.",
    });
  }
  if (!opts.isTrusted) {
    return new AppError(
      "unauthenticated",
      `${address.text} sends logins to ${realm.host}, which is not part of its own domain, so the credentials were not sent`,
      { fix: "Use the registry's own address, or make it name a token server of its own domain." },
    );
  }
  return new AppError("unauthenticated", `${realm.host} refused the credentials for ${address.text}`, {
    fix: "Check the mounted credential: it may have expired, or may not read this repository.",
  });
}
