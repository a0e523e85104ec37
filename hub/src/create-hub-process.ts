import { createHash, randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AppError, messageOf } from "@muster/shared/errors.ts";
import type { Log } from "@muster/shared/log.ts";
import { systemClock } from "@muster/shared/system-clock.ts";
import { LINK_SERVER_NAME } from "@muster/shared/trust/certificates.ts";
import { VERSION } from "@muster/shared/version.ts";
import { authenticateByHash } from "./adapters/api/auth.ts";
import { createApiServer } from "./adapters/api/server.ts";
import { createWorkerBundler } from "./adapters/bundle/worker-bundler.ts";
import { createChartSource } from "./adapters/charts/create-chart-source.ts";
import { openMountedCredentials } from "./adapters/credentials/open.ts";
import { openGit } from "./adapters/git/open.ts";
import { openHubKeys } from "./adapters/keys/open-hub-keys.ts";
import { createGrpcAgentLink } from "./adapters/link/grpc/create-grpc-agent-link.ts";
import { createPrometheusMetrics } from "./adapters/metrics/prometheus.ts";
import { createAddressPolicy } from "./adapters/network/address-policy.ts";
import { createHttpClient } from "./adapters/network/http-client.ts";
import { parseAllowed } from "./adapters/network/judge-address.ts";
import { type ConnectionOptions, createJudgedDispatcher } from "./adapters/network/judged-dispatcher.ts";
import { createOciCharts } from "./adapters/oci/oci-charts.ts";
import { openArtifacts } from "./adapters/oci/open-artifacts.ts";
import { createOciRegistry } from "./adapters/oci/registry.ts";
import { openVerifier } from "./adapters/signatures/open-verifier.ts";
import { openSqliteStore } from "./adapters/store/sqlite/open.ts";
import { keepAdminToken } from "./admin-token.ts";
import { bundleLimitsOf, type HubConfig, removalGuardOf } from "./config.ts";
import { createHub } from "./create-hub.ts";
import { hasLived } from "./flows/open-documents.ts";
import { openHubRenderers } from "./open-hub-renderers.ts";

/** What those who start a hub may tell others of it. */
export interface HubAccess {
  /** `https://host:port`. */
  readonly address: string;
  /** The bootstrap administrator's. */
  readonly token: string;
  /** The hub's root certificate, PEM. */
  readonly root: string;
  readonly caHash: string;
  readonly webhookSecret: string | null;
}

export interface HubProcess extends HubAccess {
  /** Ends everything in reverse order. */
  close(): Promise<void>;
}

interface HubProcessOptions {
  readonly log: Log;
  /** The hub cannot go on; close it. */
  readonly onFatal: (error: unknown) => void;
  /** Ends the waiting for leadership. */
  readonly signal?: AbortSignal;
}

/**
 * The hub with its embedded adapters, serving: what `main.ts` and `muster up` start.
 * @throws AppError as its parts do; nothing is left open then.
 */
export async function createHubProcess(config: HubConfig, options: HubProcessOptions): Promise<HubProcess> {
  const closers: (() => Promise<void> | void)[] = [];
  const close = async (): Promise<void> => {
    for (let end = closers.pop(); end !== undefined; end = closers.pop()) {
      try {
        await end();
      } catch (error) {
        options.log.warn({ err: error }, "not ended in order");
      }
    }
  };
  try {
    return { ...(await open(config, options, closers)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function open(
  config: HubConfig,
  { log, onFatal, signal }: HubProcessOptions,
  closers: (() => Promise<void> | void)[],
): Promise<HubAccess> {
  const folder = config["data-dir"];
  const clock = systemClock;
  const random = (bytes: number): Uint8Array => randomBytes(bytes);
  await mkdir(folder, { recursive: true, mode: 0o700 });

  const store = await openSqliteStore({ file: join(folder, "hub.sqlite"), clock });
  closers.push(() => store.close());
  const keys = await openHubKeys({
    directory: join(folder, "keys"),
    clock,
    random,
    // New keys under an old store would shut every cluster out: better to say that they are missing.
    create: (await hasLived(store.documents)) ? "never" : "if-absent",
  });
  const token = await keepAdminToken(folder, log);
  await writeFile(join(folder, "ca.pem"), keys.authority.root);

  const ending = new AbortController();
  closers.push(() => ending.abort());
  const certificate = await keys.serverCertificate({ names: certificateNames(config), signal: ending.signal });
  const policy = createAddressPolicy(parseAllowed(config["allow-addresses"]));
  const dispatcherOf = (connection: ConnectionOptions) => createJudgedDispatcher(policy, connection);
  const { git, engine } = await openGit({
    engine: config["git-engine"],
    directory: join(folder, "git"),
    network: { policy, dispatcherOf, allowsFiles: config["allow-file-urls"] },
  });
  closers.push(() => git.close());
  const credentials = openMountedCredentials({
    directory: config["credentials-dir"] ?? null,
    dispatcherOf,
    clock,
    log,
  });
  closers.push(() => credentials.close());
  const verifier = openVerifier({ directory: config["signers-dir"] ?? null, clock });
  closers.push(() => verifier.close());
  const bundler = createWorkerBundler({ workers: config["render-workers"], log });
  closers.push(() => bundler.close());
  const { renderers, close: closeRenderers } = await openHubRenderers(config, { clock, random: Math.random, log });
  closers.push(() => closeRenderers());
  const http = createHttpClient({ dispatcherOf });
  closers.push(() => http.close());
  const registry = createOciRegistry({ http, clock });
  const charts = createChartSource({ http, oci: createOciCharts({ registry }) });
  closers.push(() => charts.close());
  const artifacts = await openArtifacts({ registry, directory: join(folder, "artifacts") });
  closers.push(() => artifacts.close());
  const { metrics, text: metricsText } = createPrometheusMetrics();

  let address = config.address ?? "";
  const linkListen = config["link-listen"];
  const hub = createHub({
    store,
    git,
    verifier,
    renderers,
    bundler,
    charts,
    artifacts,
    link: createGrpcAgentLink({ ...linkListen, authority: keys.authority, certificate, clock, log }),
    keys,
    credentials,
    clock,
    random: Math.random,
    randomBytes: random,
    log,
    metrics,
    version: VERSION,
    hubAddress: () => address,
    linkAddress: config["link-address"] ?? null,
    heartbeatMs: config.heartbeat,
    chartPollMs: config["chart-poll"],
    removalGuard: removalGuardOf(config),
    releaseHistoryLimit: config["release-history-limit"],
    bundleLimits: bundleLimitsOf(config),
    requireProjects: config["require-projects"],
    // Only one process can open the file, so whoever held the lease before is gone.
    leaseHolder: "embedded",
    onFatal,
  });
  const withRoot = (pair: { certificate: string; key: string }) => ({
    certificate: `${pair.certificate.trimEnd()}\n${keys.authority.root}`,
    key: pair.key,
  });
  const secret = await webhookSecret(config);
  const api = await createApiServer({
    commands: hub.commands,
    queries: hub.queries,
    enrolment: hub.enrolment,
    authenticate: authenticateByHash(createHash("sha256").update(token).digest("hex"), "admin"),
    tls: withRoot(certificate.current()),
    metricsText,
    webhookSecret: secret,
    log,
    version: VERSION,
  });
  closers.push(() => api.close());
  closers.push(certificate.onRenewed((pair) => api.setTls(withRoot(pair))));
  closers.push(() => hub.stop());
  const { linkEndpoint } = await hub.start(signal === undefined ? {} : { signal });
  const { host, port } = await api.listen(config.listen.host, config.listen.port);
  address ||= `https://${host.includes(":") ? `[${host}]` : host}:${port}`;
  const { hubId, caHash } = keys.authority;
  log.info({ hubId, address, link: config["link-address"] ?? linkEndpoint, caHash, gitEngine: engine }, "serving");
  return { address, token, root: keys.authority.root, caHash, webhookSecret: secret };
}

/** What the API and the link are reached as. An address that only listens everywhere is nobody's name. */
function certificateNames(config: HubConfig): string[] {
  const hosts = [config.listen.host, config["link-listen"].host].filter((host) => host !== "0.0.0.0" && host !== "::");
  const named = config.address === undefined ? [] : [new URL(config.address).hostname.replace(/^\[|\]$/g, "")];
  return [...new Set([...hosts, ...named, ...config["tls-names"], "localhost", "127.0.0.1", LINK_SERVER_NAME])];
}

async function webhookSecret(config: HubConfig): Promise<string | null> {
  const file = config["webhook-secret-file"];
  if (file === undefined) return config["webhook-secret"] ?? null;
  try {
    return (await readFile(file, "utf8")).trim() || null;
  } catch (cause) {
    throw new AppError("invalid", `the webhook secret's file ${file} cannot be read: ${messageOf(cause)}`, { cause });
  }
}
