import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type RequestListener } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { answered } from "@muster/cli/api/client.ts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Reaper, startReaper } from "../control-plane/processes/reaper.ts";
import { eventually, throughout } from "../fleet/eventually.ts";
import type { Schemas } from "../fleet/hub-api.ts";
import { type HubProcess, startHub } from "../fleet/hub-process.ts";
import { sourceDefinition } from "../fleet/manifests.ts";
import { type GitHttpServer, gitHttpServer } from "../forge/git-http-server.ts";
import { selfSignedCertificate } from "../forge/server-certificate.ts";

/** A server that keeps what it is asked, and answers as it is told. */
interface Listener {
  readonly url: string;
  readonly caPem: string | null;
  readonly asked: readonly IncomingMessage["headers"][];
  close(): void;
}

async function listener(answer: RequestListener, tls = false): Promise<Listener> {
  const asked: IncomingMessage["headers"][] = [];
  const certificate = tls ? await selfSignedCertificate() : null;
  const handle: RequestListener = (request, response) => {
    asked.push(request.headers);
    answer(request, response);
  };
  const server =
    certificate === null
      ? createServer(handle)
      : createTlsServer({ cert: certificate.certificate, key: certificate.key }, handle);
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return {
    url: `${tls ? "https" : "http"}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    caPem: certificate?.certificate ?? null,
    asked,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

describe.each(["native", "isomorphic"] as const)("credentials of the %s engine", (engine) => {
  const password = `canary-${randomBytes(12).toString("hex")}`;
  let reaper: Reaper;
  let folder: string;
  let forge: GitHttpServer;
  let thief: Listener;
  let redirecting: Listener;
  let hub: HubProcess;
  let url: string;
  let commit: string;

  const mount = (name: string, files: Record<string, string>): void => {
    mkdirSync(join(folder, "credentials", name), { recursive: true });
    for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, "credentials", name, file), text);
  };

  beforeAll(async () => {
    reaper = startReaper();
    folder = reaper.temporaryFolder("muster-credentials").path;
    forge = await gitHttpServer({ tls: true, credentials: { username: "ada", password } });
    thief = await listener((_, response) => response.writeHead(404).end());
    redirecting = await listener((request, response) => {
      response.writeHead(301, { location: `${thief.url}${request.url}` }).end();
    });
    const repository = await forge.createRepository("fleet");
    url = repository.url;
    commit = await (await repository.workingCopy()).commitAndPush({ "a.yaml": "a: 1\n" }, "Begin");
    const login = { username: "ada", password: `${password}\n`, "ca.crt": forge.caPem ?? "" };
    mount("forge", { ...login, urls: `${forge.url}/fleet\n`, projects: "default\n" });
    mount("unbound", login);
    mount("redirected", { username: "ada", password, urls: redirecting.url, projects: "*" });
    hub = await startHub({
      reaper,
      folder,
      flags: ["--git-engine", engine, "--credentials-dir", join(folder, "credentials"), "--log-level", "debug"],
    });
  }, 120_000);
  afterAll(async () => {
    await hub?.stop();
    thief?.close();
    redirecting?.close();
    await forge?.stop();
    await reaper?.close();
  }, 60_000);

  const apply = (name: string, at: string, credentials: string, project = "default") => {
    const definition = sourceDefinition(name, at, { credentials });
    return hub.api.apply({ ...definition, metadata: { name, project } });
  };
  const source = (name: string, project = "default"): Promise<Schemas["Source"]> =>
    answered(hub.api.client.api.GET("/v1/projects/{project}/sources/{name}", { params: { path: { project, name } } }));
  const refused = (name: string, project: string, message: RegExp, fix: RegExp): Promise<void> =>
    eventually(async () => {
      const { revision, problems } = await source(name, project);
      expect(revision).toBeNull();
      expect(problems[0]).toMatchObject({
        code: "CredentialsRefused",
        message: expect.stringMatching(message),
        fix: expect.stringMatching(fix),
      });
    });

  test("a private repository behind a certificate of its own is followed", async () => {
    await apply("fleet", url, "forge");
    await eventually(async () => {
      expect(await source("fleet")).toMatchObject({ state: "Ready", revision: { commit }, problems: [] });
    });
  });

  test("another Project cannot use what is not for it, and asks the server nothing", async () => {
    const before = forge.requests.length;
    await apply("stolen", url, "forge", "payments");
    await refused("stolen", "payments", /credential forge is not for Project payments/, /adds the line payments/);
    expect(forge.requests.slice(before)).toEqual([]);
    expect((await source("fleet")).state).toBe("Ready");
  });

  test("a Source that is pointed elsewhere does not take the credential along", async () => {
    await apply("moved", `${thief.url}/fleet.git`, "forge");
    await refused("moved", "default", /credential forge is not for http:\/\/127/, /"urls"/);
    await apply("sibling", `${forge.url}/fleet-2.git`, "forge");
    await refused("sibling", "default", /credential forge is not for/, /"urls"/);
    await throughout(300, async () => expect(thief.asked).toEqual([]));
  });

  test("a credential that nothing binds is not used, and says what is missing", async () => {
    await apply("unbound", url, "unbound");
    await refused("unbound", "default", /credential unbound is not used/, /Add a file "urls"/);
  });

  test("a credential that is not there is named", async () => {
    await apply("missing", url, "nobody");
    await refused("missing", "default", /no credential "nobody"/, /Mount it/);
  });

  test("a redirect does not carry a credential away", async () => {
    await apply("redirected", `${redirecting.url}/fleet.git`, "redirected");
    await eventually(async () => expect((await source("redirected")).problems).not.toEqual([]));
    expect(redirecting.asked.some(({ authorization }) => authorization !== undefined)).toBe(true);
    for (const headers of thief.asked) expect(headers.authorization).toBeUndefined();
  });

  test("a narrowed binding counts from the next fetch on, and what was found stays", async () => {
    mount("forge", { projects: "payments\n" });
    await hub.api.refresh("fleet");
    await eventually(async () => {
      expect(await source("fleet")).toMatchObject({
        revision: { commit },
        problems: [{ code: "CredentialsRefused", message: expect.stringContaining("What runs stays") }],
      });
    });
  });

  test("nothing of a secret is logged, stored or shown", async () => {
    await hub.stop();
    const secrets = [password, Buffer.from(`ada:${password}`).toString("base64")];
    const files = readdirSync(hub.dataDir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    const kept = [hub.logPath, ...files.map(({ parentPath, name }) => join(parentPath, name))];
    expect(kept.length).toBeGreaterThan(3);
    for (const path of kept) {
      const bytes = readFileSync(path);
      for (const secret of secrets) expect(bytes.includes(secret), path).toBe(false);
    }
    // The log was read, and does speak of them.
    expect(readFileSync(hub.logPath, "utf8")).toContain("credential");
  });
});

describe("addresses that a Source may not be at", () => {
  let reaper: Reaper;
  let inside: Listener;
  let hub: HubProcess;
  beforeAll(async () => {
    reaper = startReaper();
    inside = await listener((_, response) => response.end("the secrets of this machine"));
    const { path: folder } = reaper.temporaryFolder("muster-addresses");
    hub = await startHub({
      reaper,
      folder,
      flags: ["--allow-addresses", "10.255.0.0/16", "--allow-file-urls", "false"],
    });
  }, 120_000);
  afterAll(async () => {
    await hub?.stop();
    inside?.close();
    await reaper?.close();
  }, 60_000);

  const port = (): string => new URL(inside.url).port;
  test.each([
    ["loopback", () => `http://127.0.0.1:${port()}/fleet.git`],
    ["loopback by its name", () => `http://localhost:${port()}/fleet.git`],
    ["loopback in one number", () => `http://2130706433:${port()}/fleet.git`],
    ["loopback within IPv6", () => `http://[::ffff:127.0.0.1]:${port()}/fleet.git`],
    ["the credentials of a cloud's machine", () => "http://169.254.169.254/latest/meta-data"],
    ["a private network", () => "https://10.0.0.1/fleet.git"],
    ["a private network over SSH", () => "git@192.168.0.1:team/fleet.git"],
    ["the hub's own files", () => "file:///etc"],
  ])("%s is refused, and nobody is asked", async (_, at) => {
    const name = `refused-${randomBytes(3).toString("hex")}`;
    await hub.api.apply(sourceDefinition(name, at()));
    await eventually(async () => {
      const { revision, problems } = await hub.api.source(name);
      expect(revision).toBeNull();
      expect(problems[0]).toMatchObject({ code: "AddressForbidden", fix: expect.stringContaining("--allow-") });
    });
    expect(inside.asked).toEqual([]);
    await hub.api.deleteSource(name);
  });
});
