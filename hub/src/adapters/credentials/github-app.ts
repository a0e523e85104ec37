import { createHash, createPrivateKey, type KeyObject, sign } from "node:crypto";
import type { Clock, Instant } from "@muster/shared/clock.ts";
import { abortedBy, withDeadline } from "@muster/shared/deadline.ts";
import { AppError, messageOf } from "@muster/shared/errors.ts";
import type { Log } from "@muster/shared/log.ts";
import { type Dispatcher, request } from "undici";
import { z } from "zod";
import type { Credentials } from "../../ports/credentials.ts";
import type { GithubApp } from "./parse-credential.ts";

type Connection = Pick<Credentials, "tls" | "proxy">;

export interface InstallationTokens {
  /**
   * A token of the App's installation that is good for a while yet. Those who ask at the same time share one request.
   * @throws AppError "unavailable" when GitHub gives none, "invalid" when the key is none, "cancelled".
   */
  tokenOf(name: string, app: GithubApp, connection: Connection, opts: { signal: AbortSignal }): Promise<string>;
  /** Stops what is under way. */
  close(): void;
}

/** GitHub's tokens live an hour; a clone that starts with one must be able to end with it. */
const RENEW_BEFORE_MS = 20 * 60_000;
/** A token that could not be renewed yet is used up to here. */
const LAST_USE_BEFORE_MS = 60_000;
const TIMEOUT_MS = 30_000;
const ANSWER_BYTES_MAX = 256 * 1024;
/** GitHub allows ten minutes, and clocks differ. */
const JWT_AGE_S = 9 * 60;
const JWT_BACKDATE_S = 60;
const TOKENS_MAX = 1_000;

const tokenAnswer = z.object({ token: z.string().min(1).max(4_096), expires_at: z.string() });

interface Held {
  readonly token: string;
  readonly expires: Instant;
}

/** Tokens are kept in memory only, each under a digest of everything it was asked for with. */
export function createInstallationTokens(deps: {
  readonly dispatcherOf: (connection: Connection) => Dispatcher;
  readonly clock: Clock;
  readonly log: Log;
}): InstallationTokens {
  const { clock, log } = deps;
  const held = new Map<string, Held>();
  const asking = new Map<string, Promise<Held>>();
  const closing = new AbortController();

  async function ask(app: GithubApp, connection: Connection): Promise<Held> {
    const dispatcher = deps.dispatcherOf(connection);
    try {
      return await exchange(app, dispatcher, clock, withDeadline(TIMEOUT_MS, closing.signal));
    } finally {
      await dispatcher.destroy().catch(() => {});
    }
  }

  function askOnce(key: string, name: string, app: GithubApp, connection: Connection): Promise<Held> {
    const running = asking.get(key);
    if (running !== undefined) return running;
    const answer = ask(app, connection)
      .then((fresh) => {
        remember(key, fresh);
        log.info({ credential: name, expires: new Date(fresh.expires).toISOString() }, "installation token received");
        return fresh;
      })
      .finally(() => asking.delete(key));
    asking.set(key, answer);
    return answer;
  }

  function remember(key: string, fresh: Held): void {
    for (const [other, { expires }] of held) if (expires <= clock.now()) held.delete(other);
    held.delete(key);
    held.set(key, fresh);
    const [oldest] = held.keys();
    if (held.size > TOKENS_MAX && oldest !== undefined) held.delete(oldest);
  }

  return {
    async tokenOf(name, app, connection, { signal }) {
      const key = createHash("sha256")
        .update(JSON.stringify([app, connection]))
        .digest("hex");
      const known = held.get(key);
      const left = (known?.expires ?? 0) - clock.now();
      if (known !== undefined && left > RENEW_BEFORE_MS) return known.token;
      if (signal.aborted) throw abortedBy(signal, `the token of credential ${name}`);
      try {
        return (await orAborted(askOnce(key, name, app, connection), signal, `the token of credential ${name}`)).token;
      } catch (error) {
        if (known === undefined || left <= LAST_USE_BEFORE_MS || signal.aborted) throw named(name, error);
        log.warn({ credential: name, reason: messageOf(error) }, "installation token not renewed; the old one is used");
        return known.token;
      }
    },
    close: () => closing.abort(),
  };
}

async function exchange(app: GithubApp, dispatcher: Dispatcher, clock: Clock, signal: AbortSignal): Promise<Held> {
  const url = `${app.apiUrl}/app/installations/${app.installationId}/access_tokens`;
  const authorization = `Bearer ${appJwt(app, clock.now())}`;
  try {
    const { statusCode, body } = await request(url, {
      method: "POST",
      dispatcher,
      signal,
      headers: {
        authorization,
        accept: "application/vnd.github+json",
        "x-github-api-version": "2022-11-28",
        "user-agent": "muster",
      },
    });
    const parts: Buffer[] = [];
    let bytes = 0;
    for await (const part of body as AsyncIterable<Buffer>) {
      bytes += part.length;
      if (bytes > ANSWER_BYTES_MAX) throw new AppError("unavailable", "GitHub's answer is too long");
      parts.push(part);
    }
    if (statusCode !== 201) throw refused(statusCode);
    return readAnswer(Buffer.concat(parts).toString("utf8"));
  } catch (error) {
    if (error instanceof AppError) throw error;
    if (signal.aborted) throw abortedBy(signal, "asking GitHub for a token", { timeoutMs: TIMEOUT_MS });
    throw new AppError("unavailable", `GitHub cannot be reached: ${messageOf(error)}`, { cause: error });
  }
}

/** What the answer holds is the secret itself: nothing of it goes into an error, its parser's words included. */
function readAnswer(text: string): Held {
  try {
    const { token, expires_at } = tokenAnswer.parse(JSON.parse(text));
    const expires = Date.parse(expires_at);
    if (Number.isFinite(expires)) return { token, expires };
  } catch {
    // Said below.
  }
  throw new AppError("unavailable", "GitHub's answer is not a token");
}

const REFUSALS: Readonly<Record<number, string>> = {
  401: "GitHub does not accept the App's id or private key, or this machine's clock is wrong",
  403: "GitHub refuses: the App is suspended, or asked too often",
  404: "GitHub knows no such installation of the App",
};

const refused = (status: number): AppError =>
  new AppError("unavailable", REFUSALS[status] ?? `GitHub answered with status ${status} instead of a token`, {
    fix: 'Compare "githubAppID", "githubAppInstallationID", "githubAppPrivateKey" and "githubAppBaseURL" with the App\'s settings on GitHub.',
  });

function named(name: string, error: unknown): unknown {
  if (!(error instanceof AppError)) return error;
  const { code, cause, isRetryable, fix } = error;
  const opts = { cause, retryable: isRetryable, ...(fix === undefined ? {} : { fix }) };
  return new AppError(code, `credential ${name}: ${error.message}`, opts);
}

/** RFC 7519 with RS256, as GitHub wants it of an App. */
function appJwt(app: GithubApp, now: Instant): string {
  const key = rsaKey(app.privateKey);
  if (key === null) {
    throw new AppError("invalid", 'the file "githubAppPrivateKey" is not an RSA private key', {
      fix: "Make a private key on the App's settings page and mount the file as it is.",
    });
  }
  const seconds = Math.floor(now / 1_000);
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const claims = { iat: seconds - JWT_BACKDATE_S, exp: seconds + JWT_AGE_S, iss: app.appId };
  const signed = `${encode({ alg: "RS256", typ: "JWT" })}.${encode(claims)}`;
  return `${signed}.${sign("RSA-SHA256", Buffer.from(signed), key).toString("base64url")}`;
}

function rsaKey(pem: string): KeyObject | null {
  try {
    const key = createPrivateKey(pem);
    return key.asymmetricKeyType === "rsa" ? key : null;
  } catch {
    return null;
  }
}

/** The request goes on for the others who wait for it. */
async function orAborted<Value>(promise: Promise<Value>, signal: AbortSignal, what: string): Promise<Value> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(abortedBy(signal, what));
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
