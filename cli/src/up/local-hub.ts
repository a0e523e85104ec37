import { createHash, randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { authenticateByHash } from "@muster/hub/adapters/api/auth.ts";
import { createApiServer } from "@muster/hub/adapters/api/server.ts";
import { openGit } from "@muster/hub/adapters/git/open.ts";
import { openHubKeys } from "@muster/hub/adapters/keys/open-hub-keys.ts";
import { createGrpcAgentLink } from "@muster/hub/adapters/link/grpc/create-grpc-agent-link.ts";
import { createPrometheusMetrics } from "@muster/hub/adapters/metrics/prometheus.ts";
import { createPlainRenderer } from "@muster/hub/adapters/render/plain.ts";
import { openSqliteStore } from "@muster/hub/adapters/store/sqlite/open.ts";
import { createHub } from "@muster/hub/create-hub.ts";
import type { Log } from "@muster/shared/log.ts";
import { systemClock } from "@muster/shared/system-clock.ts";
import { LINK_SERVER_NAME } from "@muster/shared/trust/certificates.ts";

const LOOPBACK = "127.0.0.1";

/** A whole hub inside this process, on loopback ports that the machine chooses. */
export interface LocalHub {
  /** `https://127.0.0.1:port`. */
  readonly url: string;
  readonly token: string;
  /** Root certificate, PEM. */
  readonly ca: string;
  readonly caHash: string;
  readonly webhookSecret: string;
  close(): Promise<void>;
}

export interface LocalHubOptions {
  /** Database, keys, Git mirrors and the token file; made if it is not there. */
  readonly folder: string;
  /** `isomorphic` needs nothing installed. */
  readonly gitEngine: "auto" | "isomorphic";
  readonly version: string;
  readonly log: Log;
  readonly onFatal: (error: unknown) => void;
}

/** Opens and starts everything in order; whatever was opened is closed again when a later part fails. */
export async function startLocalHub(options: LocalHubOptions): Promise<LocalHub> {
  const { folder, version, log } = options;
  const clock = systemClock;
  const closers: (() => Promise<void> | void)[] = [];
  const close = async () => {
    for (let next = closers.pop(); next !== undefined; next = closers.pop()) await next();
  };
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const stopping = new AbortController();
    closers.push(() => stopping.abort());
    const random = (bytes: number) => randomBytes(bytes);
    const keys = await openHubKeys({ directory: join(folder, "keys"), clock, random });
    const certificate = await keys.serverCertificate({
      names: [LOOPBACK, "localhost", LINK_SERVER_NAME],
      signal: stopping.signal,
    });
    const token = await keepToken(join(folder, "admin-token"));
    const store = await openSqliteStore({ file: join(folder, "hub.sqlite"), clock });
    closers.push(() => store.close());
    const { git } = await openGit({ engine: options.gitEngine, directory: join(folder, "git") });
    closers.push(() => git.close());
    const renderer = createPlainRenderer({ workers: 1, log });
    closers.push(() => renderer.close());
    const link = createGrpcAgentLink({ host: LOOPBACK, port: 0, authority: keys.authority, certificate, clock, log });
    const { metrics, text: metricsText } = createPrometheusMetrics();
    let url = "";
    const hub = createHub({
      store,
      git,
      renderer,
      link,
      keys: { authority: keys.authority, signer: keys.signer },
      credentials: async () => null,
      clock,
      random: Math.random,
      randomBytes: random,
      log,
      metrics,
      version,
      hubAddress: () => url,
      linkAddress: null,
      leaseHolder: "local",
      onFatal: options.onFatal,
    });
    const webhookSecret = randomBytes(24).toString("base64url");
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
      webhookSecret,
      log,
      version,
    });
    closers.push(() => api.close());
    closers.push(certificate.onRenewed((pair) => api.setTls(withRoot(pair))));
    closers.push(() => hub.stop());
    await hub.start();
    const { port } = await api.listen(LOOPBACK, 0);
    url = `https://${LOOPBACK}:${port}`;
    return { url, token, ca: keys.authority.root, caHash: keys.authority.caHash, webhookSecret, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The token of an earlier start, or a new one; readable for its owner only. */
async function keepToken(file: string): Promise<string> {
  try {
    return (await readFile(file, "utf8")).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    const token = `mt1_${randomBytes(32).toString("base64url")}`;
    await writeFile(file, `${token}\n`, { mode: 0o600, flag: "wx" });
    return token;
  }
}
