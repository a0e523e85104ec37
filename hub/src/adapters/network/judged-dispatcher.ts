import type { LookupFunction } from "node:net";
import { isIP } from "node:net";
import { getCACertificates } from "node:tls";
import { isAppError } from "@muster/shared/errors.ts";
import { Agent, buildConnector, type Dispatcher, ProxyAgent } from "undici";
import type { AddressPolicy } from "../../ports/address-policy.ts";
import type { Credentials } from "../../ports/credentials.ts";

export interface ConnectionOptions {
  readonly tls: Credentials["tls"];
  readonly proxy: Credentials["proxy"];
}

/** Makes the dispatcher of one remote. Whoever asked for it closes it. */
export type DispatcherOf = (options: ConnectionOptions) => Dispatcher;

const CONNECT_TIMEOUT_MS = 10_000;

/**
 * An undici dispatcher that connects only to addresses that the policy allowed: those of the very answer that was
 * judged, at each new connection, so that a redirect or a changed DNS record leads nowhere else. A refusal rejects the
 * request with the policy's own AppError (`fetch` puts it under `cause`).
 *
 * A proxy is the administrator's choice and reached wherever it is. Behind one, the remote's host is judged by what it
 * resolves to here; a name that only the proxy can resolve is the proxy's to judge.
 */
export function createJudgedDispatcher(policy: AddressPolicy, { tls, proxy }: ConnectionOptions): Dispatcher {
  const ca = tls.ca === null ? {} : { ca: [...getCACertificates("default"), tls.ca] };
  const secure = {
    ...ca,
    ...(tls.client === null ? {} : { cert: tls.client.certificate, key: tls.client.key }),
  };
  if (proxy !== null) {
    const agent = new ProxyAgent({
      uri: proxy,
      connectTimeout: CONNECT_TIMEOUT_MS,
      requestTls: secure,
      allowH2: false,
    });
    return agent.compose(judgeBeforehand(policy));
  }
  const connect = buildConnector({
    ...secure,
    allowH2: false,
    timeout: CONNECT_TIMEOUT_MS,
    autoSelectFamily: true,
    lookup: judgedLookup(policy),
  });
  return new Agent({
    allowH2: false,
    connect: (options, callback) => {
      // An address is not looked up, so it is judged here.
      if (isIP(options.hostname) === 0) return connect(options, callback);
      policy.resolve(options.hostname, { signal: deadline() }).then(
        () => connect(options, callback),
        (error: unknown) => callback(error as Error, null),
      );
    },
  });
}

const deadline = (): AbortSignal => AbortSignal.timeout(CONNECT_TIMEOUT_MS);

function judgedLookup(policy: AddressPolicy): LookupFunction {
  return (host, options, callback) => {
    policy.resolve(host, { signal: deadline() }).then(
      (addresses) => {
        const found = addresses.map((address) => ({ address, family: isIP(address) }));
        const [first] = found;
        if (options.all) callback(null, found);
        else callback(null, first?.address ?? "", first?.family);
      },
      (error: unknown) => callback(error as NodeJS.ErrnoException, []),
    );
  };
}

function judgeBeforehand(policy: AddressPolicy): Dispatcher.DispatcherComposeInterceptor {
  return (dispatch) => (options, handler) => {
    const { hostname } = new URL(String(options.origin));
    policy
      .resolve(hostname, { signal: deadline() })
      .catch((error: unknown) => {
        if (!isAppError(error, "unavailable")) throw error;
      })
      .then(() => void dispatch(options, handler))
      .catch((error: unknown) => handler.onResponseError?.(NOT_STARTED, error as Error));
    return true;
  };
}

/** The request was refused before there was anything to control. */
const NOT_STARTED: Dispatcher.DispatchController = {
  aborted: true,
  paused: false,
  reason: null,
  rawHeaders: null,
  rawTrailers: null,
  abort: () => {},
  pause: () => {},
  resume: () => {},
};
