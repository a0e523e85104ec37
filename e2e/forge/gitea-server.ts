/**
 * The real Gitea: pushes over HTTP (and SSH on request), webhooks, pull requests, commit statuses, an API. Built into
 * the cache like the control planes.
 */
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, chownSync, copyFileSync, cpSync, linkSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { buildTools, type Progress, progressToStderr } from "../control-plane/build/build-tools.ts";
import { binaryPath, toolFolder } from "../control-plane/build/cache-folder.ts";
import { type Component, startComponent } from "../control-plane/processes/component.ts";
import { freePort } from "../control-plane/processes/free-port.ts";
import { type Reaper, startReaper } from "../control-plane/processes/reaper.ts";
import { tools } from "../control-plane/versions.ts";
import type { Forge, ForgeCredentials, ForgeRepository } from "./forge.ts";
import { basicAuthorization } from "./git-command.ts";
import { type GiteaAccount, giteaAccount, giteaConfiguration } from "./gitea-configuration.ts";
import { openWorkingCopy, remoteCommit } from "./working-copy.ts";

export interface GiteaOptions {
  /** Also serve `ssh://`. Default false: its host key takes a moment to make. */
  readonly ssh?: boolean;
  /** Also be a registry of packages: a Helm chart repository and an OCI registry. Default false. */
  readonly packages?: boolean;
  readonly progress?: Progress;
}

export interface GiteaServer extends Forge {
  readonly kind: "gitea";
  readonly credentials: ForgeCredentials;
  /** `ssh://USER@127.0.0.1:PORT`, to which `/OWNER/REPOSITORY.git` is added; undefined without `ssh`. */
  readonly sshUrl: string | undefined;
  readonly pid: number;
  /** Gitea's REST API as an administrator; the path comes after `/api/v1`. @throws on an error status. */
  // biome-ignore lint/suspicious/noExplicitAny: tests pick fields of whatever Gitea answered
  api(method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE", path: string, body?: unknown): Promise<any>;
}

/** @throws with the end of Gitea's log when it does not start. */
export async function giteaServer(options: GiteaOptions = {}): Promise<GiteaServer> {
  await buildTools(["gitea"], options.progress ?? progressToStderr);
  const reaper = startReaper();
  const folder = reaper.temporaryFolder("muster-gitea");
  try {
    const workingCopies = join(folder.path, "working-copies");
    mkdirSync(workingCopies);
    // Gitea runs as another user, which must pass through on its way to its own folder below.
    chmodSync(folder.path, 0o711);
    const installation = install(folder.path, giteaAccount());
    const running = await launch(installation, options, reaper);
    const credentials = { username: "muster", password: randomBytes(12).toString("hex") };
    await createAdministrator(installation, credentials);
    const api = apiClient(running.url, credentials);
    let stopped: Promise<void> | undefined;
    return {
      kind: "gitea",
      url: running.url,
      caPem: undefined,
      credentials,
      sshUrl: running.sshPort ? `ssh://${installation.account.name}@127.0.0.1:${running.sshPort}` : undefined,
      pid: running.component.pid,
      api,
      createRepository: async (name, { private: isPrivate = true } = {}) => {
        await api("POST", "/user/repos", { name, private: isPrivate, default_branch: "main" });
        return repository({ name, url: running.url, credentials, api, parentFolder: workingCopies });
      },
      stop: () => {
        stopped ??= (async () => {
          await running.component.stop();
          folder.remove();
          await reaper.close();
        })();
        return stopped;
      },
    };
  } catch (error) {
    await reaper.close();
    throw error;
  }
}

interface Installation {
  readonly folder: string;
  readonly binary: string;
  readonly configPath: string;
  readonly staticFolder: string;
  readonly account: GiteaAccount;
  readonly environment: NodeJS.ProcessEnv;
}

/** The cache is in the home of whoever built it, which another user may not enter: everything comes along. */
function install(parent: string, account: GiteaAccount): Installation {
  const folder = join(parent, "gitea");
  mkdirSync(folder);
  const binary = join(parent, "gitea-server");
  linkOrCopy(binaryPath(tools.gitea, "gitea"), binary);
  const staticFolder = join(parent, "static");
  cpSync(join(toolFolder(tools.gitea), "static"), staticFolder, { recursive: true });
  if (account.user) chownSync(folder, account.user.uid, account.user.gid);
  return {
    folder,
    binary,
    configPath: join(folder, "app.ini"),
    staticFolder,
    account,
    environment: {
      PATH: process.env.PATH,
      HOME: folder,
      USER: account.name,
      GITEA_WORK_DIR: folder,
      GIT_CONFIG_NOSYSTEM: "1",
    },
  };
}

function linkOrCopy(source: string, target: string): void {
  try {
    linkSync(source, target);
  } catch {
    copyFileSync(source, target); // another file system
  }
}

interface Running {
  readonly component: Component;
  readonly url: string;
  readonly sshPort: number | undefined;
}

async function launch(installation: Installation, options: GiteaOptions, reaper: Reaper): Promise<Running> {
  const { folder, configPath, account } = installation;
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    const sshPort = options.ssh ? await freePort() : undefined;
    const packages = options.packages ?? false;
    const { staticFolder } = installation;
    writeFileSync(configPath, giteaConfiguration({ folder, staticFolder, port, sshPort, packages, runAs: account }));
    // It may want to write what it generates into its configuration.
    if (account.user) chownSync(configPath, account.user.uid, account.user.gid);
    const url = `http://127.0.0.1:${port}`;
    try {
      const component = await startComponent({
        name: "gitea",
        command: installation.binary,
        args: ["web", "--config", configPath],
        cwd: folder,
        env: installation.environment,
        ...(account.user ? { user: account.user } : {}),
        logPath: join(folder, "..", "gitea.log"),
        ready: async (signal) => (await fetch(`${url}/api/healthz`, { signal })).ok,
        reaper,
      }).untilReady();
      return { component, url, sshPort };
    } catch (error) {
      // Somebody took the port between its choice and its use.
      if (attempt < 3 && /address already in use/.test((error as Error).message)) continue;
      throw error;
    }
  }
}

/** There is no API for the first user. */
async function createAdministrator(installation: Installation, credentials: ForgeCredentials): Promise<void> {
  const { binary, configPath, folder, environment, account } = installation;
  await promisify(execFile)(
    binary,
    [
      ...["admin", "user", "create", "--admin", "--must-change-password=false", "--config", configPath],
      ...["--username", credentials.username, "--password", credentials.password, "--email", "muster@example.com"],
    ],
    { cwd: folder, env: environment, ...(account.user ?? {}) },
  );
}

function apiClient(url: string, credentials: ForgeCredentials): GiteaServer["api"] {
  const headers = { authorization: basicAuthorization(credentials), "content-type": "application/json" };
  return async (method, path, body) => {
    const content = body === undefined ? {} : { body: JSON.stringify(body) };
    const answer = await fetch(`${url}/api/v1${path}`, { method, headers, ...content });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path} at Gitea: ${answer.status} ${text}`);
    return text === "" ? undefined : JSON.parse(text);
  };
}

function repository(options: {
  name: string;
  url: string;
  credentials: ForgeCredentials;
  api: GiteaServer["api"];
  parentFolder: string;
}): ForgeRepository {
  const { name, credentials, api, parentFolder } = options;
  const path = `${credentials.username}/${name}`;
  const access = { url: `${options.url}/${path}.git`, credentials, caPem: undefined, parentFolder };
  return {
    name,
    url: access.url,
    credentials,
    caPem: undefined,
    addWebhook: ({ url, secret }) =>
      api("POST", `/repos/${path}/hooks`, {
        type: "gitea",
        active: true,
        events: ["push"],
        config: { url, secret, content_type: "json" },
      }),
    workingCopy: () => openWorkingCopy(access),
    branchCommit: (branch = "main") => remoteCommit(access, branch),
    delete: () => api("DELETE", `/repos/${path}`),
  };
}
