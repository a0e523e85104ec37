/**
 * The hub. Flags and environment: config.ts. It writes JSON lines to standard output.
 *
 * Ends with: 0 told to stop (SIGTERM, SIGINT), and everything ended in order; 1 something failed for good; 2 the
 * configuration is wrong; 3 the data belongs to a newer Muster, to another process, or is damaged: it is left as it is.
 */
import { createHash, randomBytes } from "node:crypto";
import { chmod, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AppError, isAppError, messageOf } from "@muster/shared/errors.ts";
import { createLog, type Log } from "@muster/shared/log.ts";
import { systemClock } from "@muster/shared/system-clock.ts";
import { LINK_SERVER_NAME } from "@muster/shared/trust/certificates.ts";
import { VERSION } from "@muster/shared/version.ts";
import { authenticateByHash } from "./adapters/api/auth.ts";
import { createApiServer } from "./adapters/api/server.ts";
import { mountedCredentials } from "./adapters/git/mounted-credentials.ts";
import { openGit } from "./adapters/git/open.ts";
import { openHubKeys } from "./adapters/keys/open-hub-keys.ts";
import { createGrpcAgentLink } from "./adapters/link/grpc/create-grpc-agent-link.ts";
import { createPrometheusMetrics } from "./adapters/metrics/prometheus.ts";
import { createPlainRenderer } from "./adapters/render/plain.ts";
import { openSqliteStore } from "./adapters/store/sqlite/open.ts";
import { type HubConfig, readConfig } from "./config.ts";
import { createHub } from "./create-hub.ts";
import { hasLived } from "./flows/open-documents.ts";

const exitCodes = { stopped: 0, failed: 1, configuration: 2, data: 3 } as const;

/** Aborted with a reason when the hub cannot go on, without one when it is told to stop. */
const stopping = new AbortController();
for (const signal of ["SIGTERM", "SIGINT"] as const) {
  // A second signal ends the process at once, as it would without us.
  process.once(signal, () => stopping.abort(null));
}

process.exitCode = await main();

async function main(): Promise<number> {
  let config: HubConfig;
  try {
    config = readConfig(process.argv.slice(2), process.env);
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n${error instanceof AppError && error.fix ? `${error.fix}\n` : ""}`);
    return exitCodes.configuration;
  }
  const log = createLog({ name: "hub", level: config["log-level"] });
  try {
    await run(config, log);
    log.info("stopped");
    return exitCodes.stopped;
  } catch (error) {
    const fix = error instanceof AppError && error.fix ? { fix: error.fix } : {};
    log.error({ err: error, ...fix }, "the hub cannot go on");
    const isAboutData = (["unsupported", "corrupt", "conflict"] as const).some((code) => isAppError(error, code));
    return isAboutData ? exitCodes.data : exitCodes.failed;
  }
}

/** Opens and starts everything in order, waits until told to stop, and ends everything in reverse order. */
async function run(config: HubConfig, log: Log): Promise<void> {
  const closers: (() => Promise<void> | void)[] = [];
  try {
    await start(config, log, closers);
    await new Promise<void>((resolve) => {
      stopping.signal.addEventListener("abort", () => resolve(), { once: true });
      if (stopping.signal.aborted) resolve();
    });
    log.info("stopping");
  } finally {
    for (let close = closers.pop(); close !== undefined; close = closers.pop()) {
      await Promise.resolve(close()).catch((error: unknown) => log.warn({ err: error }, "not ended in order"));
    }
  }
  if (stopping.signal.reason !== null) throw stopping.signal.reason;
}

async function start(config: HubConfig, log: Log, closers: (() => Promise<void> | void)[]): Promise<void> {
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
  const token = await keepToken(folder, log);
  await writeFile(join(folder, "ca.pem"), keys.authority.root);

  const ending = new AbortController();
  closers.push(() => ending.abort());
  const certificate = await keys.serverCertificate({ names: certificateNames(config), signal: ending.signal });
  const { git, engine } = await openGit({ engine: config["git-engine"], directory: join(folder, "git") });
  closers.push(() => git.close());
  const renderer = createPlainRenderer({ workers: config["render-workers"], log });
  closers.push(() => renderer.close());
  const { metrics, text: metricsText } = createPrometheusMetrics();

  let address = config.address ?? "";
  const linkListen = config["link-listen"];
  const hub = createHub({
    store,
    git,
    renderer,
    link: createGrpcAgentLink({ ...linkListen, authority: keys.authority, certificate, clock, log }),
    keys,
    credentials: mountedCredentials(config["credentials-dir"] ?? null),
    clock,
    random: Math.random,
    randomBytes: random,
    log,
    metrics,
    version: VERSION,
    hubAddress: () => address,
    linkAddress: config["link-address"] ?? null,
    heartbeatMs: config.heartbeat,
    // Only one process can open the file, so whoever held the lease before is gone.
    leaseHolder: "embedded",
    onFatal: (error) => stopping.abort(error),
  });
  const withRoot = (pair: { certificate: string; key: string }) => ({
    certificate: `${pair.certificate.trimEnd()}\n${keys.authority.root}`,
    key: pair.key,
  });
  const api = await createApiServer({
    commands: hub.commands,
    queries: hub.queries,
    enrolment: hub.enrolment,
    authenticate: authenticateByHash(createHash("sha256").update(token).digest("hex"), "admin"),
    tls: withRoot(certificate.current()),
    metricsText,
    webhookSecret: await webhookSecret(config),
    log,
    version: VERSION,
  });
  closers.push(() => api.close());
  closers.push(certificate.onRenewed((pair) => api.setTls(withRoot(pair))));
  closers.push(() => hub.stop());
  const { linkEndpoint } = await hub.start({ signal: stopping.signal });
  const { host, port } = await api.listen(config.listen.host, config.listen.port);
  address ||= `https://${host.includes(":") ? `[${host}]` : host}:${port}`;
  const { hubId, caHash } = keys.authority;
  log.info({ hubId, address, link: config["link-address"] ?? linkEndpoint, caHash, gitEngine: engine }, "serving");
}

/** What the API and the link are reached as. An address that only listens everywhere is nobody's name. */
function certificateNames(config: HubConfig): string[] {
  const hosts = [config.listen.host, config["link-listen"].host].filter((host) => host !== "0.0.0.0" && host !== "::");
  const named = config.address === undefined ? [] : [new URL(config.address).hostname.replace(/^\[|\]$/g, "")];
  return [...new Set([...hosts, ...named, ...config["tls-names"], "localhost", "127.0.0.1", LINK_SERVER_NAME])];
}

/** The bootstrap administrator's token, in a file that only its owner reads: written once, and kept. */
async function keepToken(folder: string, log: Log): Promise<string> {
  const file = join(folder, "admin-token");
  const found = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw new AppError("unavailable", `the token file ${file} cannot be read: ${messageOf(error)}`, { cause: error });
  });
  if (found !== null && found.trim() !== "") {
    await chmod(file, 0o600);
    return found.trim();
  }
  const token = `mt1_${randomBytes(32).toString("base64url")}`;
  // Whole or not at all: a hub killed here must not leave half a token behind.
  await writeFile(`${file}.new`, `${token}\n`, { mode: 0o600 });
  await rename(`${file}.new`, file);
  log.info({ file: "admin-token" }, "the administrator's token was written to the data directory");
  return token;
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
