import { generateKeyPairSync, randomBytes } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { type Component, lastLines, startComponent } from "../processes/component.ts";
import { freePort } from "../processes/free-port.ts";
import type { Reaper } from "../processes/reaper.ts";
import type { AuditLog } from "./audit-log.ts";

export interface ApiServerOptions {
  readonly name: string;
  readonly binary: string;
  readonly folder: string;
  readonly etcdEndpoint: string;
  /** Makes service accounts mandatory for pods; only where a controller manager creates them. */
  readonly serviceAccountAdmission: boolean;
  readonly auditLog?: AuditLog | undefined;
  readonly flags?: readonly string[];
  readonly reaper: Reaper;
}

/** One kube-apiserver over its lifetime: it can be stopped and started again with address, data and keys unchanged. */
export interface ApiServer {
  readonly server: string;
  readonly caPem: string;
  readonly caPath: string;
  readonly adminToken: string;
  /** For the controllers: every right, but a name of their own in audit logs. */
  readonly controllerToken: string;
  readonly serviceAccountKeyPath: string;
  readonly process: Component;
  stop(): Promise<void>;
  start(): Promise<void>;
}

export async function startApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const { folder } = options;
  const adminToken = randomBytes(16).toString("hex");
  const controllerToken = randomBytes(16).toString("hex");
  const serviceAccountKeyPath = join(folder, "service-account.key");
  writeFileSync(serviceAccountKeyPath, serviceAccountKey(), { mode: 0o600 });
  writeFileSync(
    join(folder, "tokens.csv"),
    `${adminToken},admin,admin,"system:masters"\n${controllerToken},test-controllers,test-controllers,"system:masters"\n`,
    { mode: 0o600 },
  );
  const caPath = join(folder, "certificates", "apiserver.crt");
  const launch = (port: number) => launchApiServer(options, { port, caPath, adminToken, serviceAccountKeyPath });

  let port = 0;
  let component: Component | undefined;
  for (let attempt = 1; component === undefined; attempt++) {
    port = await freePort();
    component = await launch(port).catch((error: Error) => {
      // Somebody took the port between its choice and its use.
      if (attempt < 3 && /address already in use/.test(error.message)) return undefined;
      throw error;
    });
  }

  let current: Component = component;
  return {
    server: `https://127.0.0.1:${port}`,
    caPem: readFileSync(caPath, "utf8"),
    caPath,
    adminToken,
    controllerToken,
    serviceAccountKeyPath,
    get process() {
      return current;
    },
    stop: () => current.stop(),
    start: async () => {
      await current.stop();
      current = await launch(port);
    },
  };
}

interface Launch {
  readonly port: number;
  readonly caPath: string;
  readonly adminToken: string;
  readonly serviceAccountKeyPath: string;
}

function launchApiServer(options: ApiServerOptions, launch: Launch): Promise<Component> {
  const { name, binary, folder, reaper } = options;
  return startComponent({
    name: `kube-apiserver of ${name}`,
    command: binary,
    args: [...apiServerFlags(options, launch), ...(options.flags ?? [])],
    cwd: folder,
    logPath: join(folder, "kube-apiserver.log"),
    // Its own shutdown waits for watches to end, which no test wants to wait for; etcd has what it accepted.
    graceMs: 1_000,
    ready: (signal) => answersReady(launch, signal),
    reaper,
  }).untilReady();
}

function apiServerFlags(options: ApiServerOptions, launch: Launch): string[] {
  return [
    `--etcd-servers=${options.etcdEndpoint}`,
    `--etcd-prefix=/${options.name}`,
    `--secure-port=${launch.port}`,
    "--bind-address=127.0.0.1",
    // There is no network in which the address could matter, and machines without a default route have none.
    "--advertise-address=127.0.0.1",
    "--endpoint-reconciler-type=none",
    `--cert-dir=${join(options.folder, "certificates")}`,
    "--service-account-issuer=https://kubernetes.default.svc",
    `--service-account-key-file=${launch.serviceAccountKeyPath}`,
    `--service-account-signing-key-file=${launch.serviceAccountKeyPath}`,
    "--service-cluster-ip-range=10.96.0.0/16",
    "--authorization-mode=RBAC",
    `--token-auth-file=${join(options.folder, "tokens.csv")}`,
    "--allow-privileged",
    ...(options.serviceAccountAdmission ? [] : ["--disable-admission-plugins=ServiceAccount"]),
    ...(options.auditLog?.apiServerFlags ?? []),
  ];
}

/** Ready is more than /readyz: the system namespaces are made a moment later, and their uid names the cluster. */
async function answersReady(launch: Launch, signal: AbortSignal): Promise<boolean> {
  if (!existsSync(launch.caPath)) return false;
  for (const path of ["/readyz", "/api/v1/namespaces/kube-system", "/api/v1/namespaces/default"]) {
    if ((await statusOf(launch, path, signal)) !== 200) return false;
  }
  return true;
}

function statusOf(launch: Launch, path: string, signal: AbortSignal): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const question = request(
      {
        host: "127.0.0.1",
        port: launch.port,
        path,
        ca: readFileSync(launch.caPath),
        headers: { authorization: `Bearer ${launch.adminToken}` },
        agent: false,
        signal,
      },
      (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      },
    );
    question.once("error", reject);
    question.end();
  });
}

/** Elliptic, because it is made at once where RSA takes a noticeable moment per cluster. */
function serviceAccountKey(): string {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return privateKey.export({ type: "sec1", format: "pem" }).toString();
}

export const apiServerLog = (folder: string, lines?: number): string =>
  lastLines(join(folder, "kube-apiserver.log"), lines);
