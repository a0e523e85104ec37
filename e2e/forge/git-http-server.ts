/**
 * A Git server of nothing but `git http-backend` behind Node. It is up in milliseconds and can be told to fail in the
 * ways servers fail:
 *
 * serving ──fail──▶ refuse-credentials | server-error | hang | unreachable ──recover──▶ serving
 */
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { basename, join } from "node:path";
import { startReaper } from "../control-plane/processes/reaper.ts";
import type { Forge, ForgeCredentials, ForgeRepository, Webhook } from "./forge.ts";
import { basicAuthorization, isolatedGitEnvironment, runGit } from "./git-command.ts";
import { serveGit } from "./git-http-backend.ts";
import { changedReferences, deliverPush, readReferences, type WebhookDelivery } from "./push-webhooks.ts";
import { selfSignedCertificate } from "./server-certificate.ts";
import { openWorkingCopy, remoteCommit } from "./working-copy.ts";

export type Fault =
  /** 401, whatever is presented. */
  | "refuse-credentials"
  /** 500 to everything. */
  | "server-error"
  /** Accepts connections and requests, and never answers. */
  | "hang"
  /** Nobody listens on the port. */
  | "unreachable";

export interface GitHttpServerOptions {
  /** Asked for by Basic authentication. */
  readonly credentials?: ForgeCredentials;
  readonly tls?: boolean;
}

export interface GitHttpServer extends Forge {
  readonly kind: "git-http";
  /** Breaks it from now on; what is under way is cut off. */
  fail(fault: Fault): Promise<void>;
  recover(): Promise<void>;
  /** `METHOD /path?query` of all requests so far, to prove who asked and how often. */
  readonly requests: readonly string[];
  /** What became of the webhooks. */
  readonly deliveries: readonly WebhookDelivery[];
  /** The bare repository on disk, for what cannot be done by pushing. */
  repositoryFolder(name: string): string;
}

export async function gitHttpServer(options: GitHttpServerOptions = {}): Promise<GitHttpServer> {
  const reaper = startReaper();
  const folder = reaper.temporaryFolder("muster-git");
  const repositories = join(folder.path, "repositories");
  const workingCopies = join(folder.path, "working-copies");
  mkdirSync(repositories);
  mkdirSync(workingCopies);
  const certificate = options.tls ? await selfSignedCertificate() : undefined;
  const webhooks = new Map<string, Webhook[]>();
  const requests: string[] = [];
  const deliveries: WebhookDelivery[] = [];
  let fault: Fault | undefined;

  const listener: RequestListener = async (request, response) => {
    requests.push(`${request.method} ${request.url}`);
    switch (fault) {
      case "hang":
        return;
      case "server-error":
        return void response.writeHead(500).end("it is out of order\n");
      case "refuse-credentials":
        return refuse(response);
    }
    if (options.credentials && request.headers.authorization !== basicAuthorization(options.credentials)) {
      return refuse(response);
    }
    await serve(request, response);
  };

  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    const user = options.credentials?.username;
    const backend = { repositories, user, environment: reaper.environment };
    const pushedTo = /^\/([^?]+)\.git\/git-receive-pack$/.exec(request.url ?? "")?.[1];
    const target = pushedTo && repositoryFolder(pushedTo);
    if (!target || !existsSync(target)) return serveGit(request, response, backend);
    const before = await readReferences(target);
    await serveGit(request, response, backend);
    const repository = { name: pushedTo, cloneUrl: `${url}/${pushedTo}.git` };
    for (const pushed of changedReferences(before, await readReferences(target))) {
      for (const webhook of webhooks.get(pushedTo) ?? []) {
        deliveries.push(await deliverPush(webhook, pushed, repository));
      }
    }
  };

  const server = certificate
    ? createTlsServer({ key: certificate.key, cert: certificate.certificate }, listener)
    : createServer(listener);
  const listen = (port: number) =>
    new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, "127.0.0.1", () => {
        server.off("error", reject);
        resolve();
      });
    });
  const close = () =>
    new Promise<void>((resolve) => {
      if (!server.listening) return resolve();
      server.close(() => resolve());
      server.closeAllConnections();
    });
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const url = `${certificate ? "https" : "http"}://127.0.0.1:${port}`;
  const repositoryFolder = (name: string) => join(repositories, `${name}.git`);
  const caPem = certificate?.certificate;
  const { credentials } = options;

  let stopped: Promise<void> | undefined;
  return {
    kind: "git-http",
    url,
    caPem,
    credentials,
    requests,
    deliveries,
    repositoryFolder,
    createRepository: async (name) => {
      const bare = repositoryFolder(name);
      await createBareRepository(bare);
      return repository(name);
    },
    fail: async (next) => {
      fault = next;
      if (next === "unreachable") await close();
      else server.closeAllConnections();
    },
    recover: async () => {
      fault = undefined;
      // Requests left hanging would never be answered.
      server.closeAllConnections();
      if (!server.listening) await listen(port);
    },
    stop: () => {
      stopped ??= (async () => {
        await close();
        folder.remove();
        await reaper.close();
      })();
      return stopped;
    },
  };

  function repository(name: string): ForgeRepository {
    const cloneUrl = `${url}/${name}.git`;
    const access = { url: cloneUrl, credentials, caPem, parentFolder: workingCopies };
    return {
      name,
      url: cloneUrl,
      credentials,
      caPem,
      addWebhook: async (webhook) => {
        webhooks.set(name, [...(webhooks.get(name) ?? []), webhook]);
      },
      workingCopy: () => openWorkingCopy(access),
      branchCommit: (branch = "main") => remoteCommit(access, branch),
      delete: async () => {
        // Out of sight at once, even while somebody reads it.
        const doomed = join(folder.path, `deleted-${basename(name)}-${requests.length}`);
        renameSync(repositoryFolder(name), doomed);
        rmSync(doomed, { recursive: true, force: true });
      },
    };
  }
}

async function createBareRepository(path: string): Promise<void> {
  mkdirSync(path, { recursive: true });
  const git = { cwd: path, env: isolatedGitEnvironment(path) };
  await runGit(["init", "--quiet", "--bare", "--initial-branch=main"], git);
  const settings = {
    "http.receivepack": "true",
    // As the large forges have it: partial clones, and fetching a commit by its id.
    "uploadpack.allowFilter": "true",
    "uploadpack.allowAnySHA1InWant": "true",
    // Tests delete any branch.
    "receive.denyDeleteCurrent": "ignore",
    // Nothing in the background that outlives the test.
    "gc.auto": "0",
    "receive.autogc": "false",
  };
  for (const [key, value] of Object.entries(settings)) await runGit(["config", key, value], git);
}

function refuse(response: ServerResponse): void {
  response.writeHead(401, { "www-authenticate": 'Basic realm="muster test forge"' }).end();
}
