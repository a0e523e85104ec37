import { mkdtemp, rm } from "node:fs/promises";
import { createServer as createHttpServer, request as httpRequest } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openGit } from "@muster/hub/adapters/git/open.ts";
import { createAddressPolicy } from "@muster/hub/adapters/network/address-policy.ts";
import { parseAllowed } from "@muster/hub/adapters/network/judge-address.ts";
import { createJudgedDispatcher } from "@muster/hub/adapters/network/judged-dispatcher.ts";
import { type Credentials, NO_CREDENTIALS } from "@muster/hub/ports/credentials.ts";
import { type GitSource, plainRemote } from "@muster/hub/ports/git-source.ts";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { serveGit } from "../forge/git-http-backend.ts";
import { type GitHttpServer, gitHttpServer } from "../forge/git-http-server.ts";
import { selfSignedCertificate } from "../forge/server-certificate.ts";
import { workingRemote } from "./working-remote.ts";

describe.each(["native", "isomorphic"] as const)("the %s engine reaches", (engine) => {
  let folder: string;
  let forge: GitHttpServer;
  let git: GitSource;
  let head: string;
  const closers: (() => void)[] = [];
  /** What names lead to; every other one is not known. */
  let names: Readonly<Record<string, readonly string[]>>;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "muster-connections-"));
    forge = await gitHttpServer();
    head = await (await workingRemote(await forge.createRepository("fleet"))).commit(
      "main",
      { "a.yaml": "1" },
      "First",
    );
    names = {};
    const policy = createAddressPolicy(parseAllowed(["127.0.0.1"]), async (host) => {
      const found = names[host];
      if (found === undefined) throw new Error(`${host} is not known`);
      return found;
    });
    const dispatcherOf = (options: Parameters<typeof createJudgedDispatcher>[1]) =>
      createJudgedDispatcher(policy, options);
    ({ git } = await openGit({
      engine,
      directory: join(folder, "mirrors"),
      network: { policy, dispatcherOf, allowsFiles: false },
    }));
  });
  afterEach(async () => {
    await git.close();
    for (const close of closers.splice(0)) close();
    await forge.stop();
    await rm(folder, { recursive: true });
  });

  const fetch = async (url: string, credentials: Partial<Credentials> = {}) => {
    const wanted = [{ ref: { branch: "main" }, knownHead: null }];
    const remote = plainRemote(url, "", { ...NO_CREDENTIALS, ...credentials });
    return (await git.fetch(remote, { wanted, signal: AbortSignal.timeout(30_000) }))[0];
  };
  const port = (): string => new URL(forge.url).port;

  it("a name at the address that was judged, wherever the system's own resolver would go", async () => {
    names = { "git.example.com": ["127.0.0.1"] };
    expect(await fetch(`http://git.example.com:${port()}/fleet.git`)).toMatchObject({ commit: { id: head } });
  });

  it.each([
    ["a name with one address inside", { "git.example.com": ["127.0.0.1", "10.0.0.1"] }],
    ["a name of the hub's own link", { "git.example.com": ["169.254.169.254"] }],
  ])("nothing at %s", async (_, known) => {
    names = known;
    const before = forge.requests.length;
    await expect(fetch(`http://git.example.com:${port()}/fleet.git`)).rejects.toMatchObject({ code: "forbidden" });
    expect(forge.requests.length).toBe(before);
  });

  it("nothing at a name that leads elsewhere once it was judged", async () => {
    let asked = 0;
    names = {
      get "git.example.com"() {
        asked += 1;
        return asked === 1 ? ["127.0.0.1"] : ["10.0.0.1"];
      },
    };
    // The connection that was judged is kept for all of it, or what comes next is judged anew.
    const outcome = await fetch(`http://git.example.com:${port()}/fleet.git`).catch((error: unknown) => error);
    if (outcome instanceof Error) expect(outcome).toMatchObject({ code: "forbidden" });
    else expect(outcome).toMatchObject({ commit: { id: head } });
  });

  it("a server that asks for a client's certificate", async () => {
    const [own, client] = [await selfSignedCertificate(), await selfSignedCertificate()];
    const server = createHttpsServer(
      { key: own.key, cert: own.certificate, ca: client.certificate, requestCert: true, rejectUnauthorized: true },
      (request, response) =>
        void serveGit(request, response, {
          repositories: join(forge.repositoryFolder("fleet"), ".."),
          user: undefined,
          environment: {},
        }),
    );
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    closers.push(() => {
      server.closeAllConnections();
      server.close();
    });
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/fleet.git`;
    const pair = { certificate: client.certificate, key: client.key };
    const tls = { ca: own.certificate, client: pair };
    expect(await fetch(url, { tls })).toMatchObject({ commit: { id: head } });
    await expect(fetch(`${url}/`, { tls: { ca: own.certificate, client: null } })).rejects.toMatchObject({
      code: "unavailable",
    });
    await expect(fetch(`${url}//`, { tls: { ca: null, client: pair } })).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringMatching(/certificate/),
    });
  });

  it("a server that only the proxy knows", async () => {
    const seen: string[] = [];
    const proxy = createHttpServer((request, response) => {
      seen.push(`${request.method} ${request.url}`);
      const { pathname, search } = new URL(request.url ?? "", "http://x");
      const { method, headers } = request;
      request.pipe(
        httpRequest({ host: "127.0.0.1", port: port(), path: pathname + search, method, headers }, (answer) => {
          response.writeHead(answer.statusCode ?? 500, answer.headers);
          answer.pipe(response);
        }),
      );
    });
    proxy.on("connect", (request, socket) => {
      seen.push(`CONNECT ${request.url}`);
      const inside = connect(Number(port()), "127.0.0.1", () => {
        socket.write("HTTP/1.1 200 OK\r\n\r\n");
        inside.pipe(socket).pipe(inside);
      });
      inside.on("error", () => socket.destroy());
      socket.on("error", () => inside.destroy());
    });
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    closers.push(() => {
      proxy.closeAllConnections();
      proxy.close();
    });
    const url = `http://git.only-the-proxy.example/fleet.git`;
    expect(await fetch(url, { proxy: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}` })).toMatchObject({
      commit: { id: head },
    });
    expect(seen.join("\n")).toContain("git.only-the-proxy.example");
    await expect(fetch(`http://169.254.169.254/fleet.git`, { proxy: "http://127.0.0.1:1" })).rejects.toMatchObject({
      code: "forbidden",
    });
  });
});
