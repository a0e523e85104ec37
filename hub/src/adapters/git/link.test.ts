import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { AppError } from "@muster/shared/errors.ts";
import { Agent } from "undici";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { NO_CREDENTIALS } from "../../ports/credentials.ts";
import { plainRemote } from "../../ports/git-source.ts";
import { createHttp, type Http } from "./http.ts";
import { type Link, listRefs } from "./link.ts";
import { DELIMITER, FLUSH, packetOf } from "./pkt-line.ts";
import { createSecretFiles } from "./secret-files.ts";

const OID = "0123456789012345678901234567890123456789";
const PEELED = "9876543210987654321098765432109876543210";
const GREETING = `${packetOf("# service=git-upload-pack\n")}${FLUSH}${packetOf("version 2\n")}${packetOf("ls-refs\n")}${FLUSH}`;
const LISTING = `${packetOf(`${OID} refs/heads/main\n`)}${packetOf(`${OID} refs/tags/v1 peeled:${PEELED}\n`)}${FLUSH}`;
const SERVICE = "/info/refs?service=git-upload-pack";

let server: Server;
let http: Http;
let url: string;
let asked: { method: string; url: string; host: string; authorization: string | undefined; body: string }[];
let answer: (request: IncomingMessage, response: ServerResponse) => void;

beforeEach(async () => {
  asked = [];
  answer = (request, response) => response.end(request.method === "GET" ? GREETING : LISTING);
  server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    const { method = "", headers } = request;
    asked.push({
      method,
      url: request.url ?? "",
      host: headers.host ?? "",
      authorization: headers.authorization,
      body,
    });
    answer(request, response);
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  http = createHttp(
    () =>
      new Agent({
        connect: {
          lookup: (host, options, done) => {
            if (host === "inside.example.com") return done(new AppError("forbidden", "it leads inside"), "", 4);
            if (options.all) done(null, [{ address: "127.0.0.1", family: 4 }]);
            else done(null, "127.0.0.1", 4);
          },
        },
      }),
  );
});
afterEach(async () => {
  await http.close();
  server.closeAllConnections();
  server.close();
});

const policy = { resolve: async (host: string) => [host] };
const secrets = createSecretFiles("/nonexistent/never-used");
const localRefs = async () => new Map();
const credentials = { ...NO_CREDENTIALS, auth: { kind: "token" as const, token: "secret" } };
const list = (known: Link | null = null, signal = AbortSignal.timeout(9_000)) =>
  listRefs({ policy, http, localRefs, secrets }, plainRemote(`${url}/fleet.git`, "x", credentials), {
    prefixes: ["refs/heads/main", "refs/tags/"],
    known,
    signal,
  });

describe("a listing of refs", () => {
  it("asks for what the server is and then for the refs, and later for the refs alone", async () => {
    const { refs, link } = await list();
    expect([...refs]).toEqual([
      ["refs/heads/main", { oid: OID, peeled: null }],
      ["refs/tags/v1", { oid: OID, peeled: PEELED }],
    ]);
    expect(asked.map(({ method, url: path }) => `${method} ${path}`)).toEqual([
      `GET /fleet.git${SERVICE}`,
      "POST /fleet.git/git-upload-pack",
    ]);
    expect(asked[1]?.body).toContain(`${DELIMITER}${packetOf("peel\n")}${packetOf("ref-prefix refs/heads/main\n")}`);
    await list(link);
    expect(asked.slice(2).map(({ method }) => method)).toEqual(["POST"]);
    expect(asked.every(({ authorization }) => authorization?.startsWith("Basic "))).toBe(true);
  });

  it("begins anew when the server is another by now", async () => {
    const { link } = await list();
    answer = (request, response) => {
      if (asked.length === 3) response.writeHead(404).end();
      else response.end(request.method === "GET" ? GREETING : LISTING);
    };
    await list(link);
    expect(asked.slice(2).map(({ method }) => method)).toEqual(["POST", "GET", "POST"]);
  });

  it("is understood from a server of Git's old protocol", async () => {
    const lines = [`${OID} HEAD\0multi_ack ofs-delta\n`, `${OID} refs/tags/v1\n`, `${PEELED} refs/tags/v1^{}\n`];
    answer = (_, response) =>
      response.end(`${packetOf("# service=git-upload-pack\n")}${FLUSH}${lines.map(packetOf).join("")}${FLUSH}`);
    const { refs, link } = await list();
    expect(refs.get("refs/tags/v1")).toEqual({ oid: OID, peeled: PEELED });
    await list(link);
    expect(asked.map(({ method }) => method)).toEqual(["GET", "GET"]);
  });

  it.each([
    ["an empty repository", `${packetOf(`${"0".repeat(40)} capabilities^{}\0multi_ack\n`)}${FLUSH}`],
    ["one that says nothing", FLUSH],
  ])("of %s has no refs", async (_, body) => {
    answer = (__, response) => response.end(`${packetOf("# service=git-upload-pack\n")}${FLUSH}${body}`);
    expect((await list()).refs.size).toBe(0);
  });

  it.each([
    ["a page for people", 200, "<html>Sign in</html>", "unavailable", /does not speak Git's protocol/],
    ["half a packet", 200, "00ffversion", "unavailable", /ends in the middle/],
    ["an error of its own", 200, packetOf("ERR access denied for you"), "unavailable", /access denied for you/],
    ["401", 401, "", "unauthenticated", /refused the credentials/],
    ["403", 403, "", "unauthenticated", /refused the credentials/],
    ["404", 404, "", "not-found", /no repository/],
    ["503", 503, "", "unavailable", /status 503/],
  ])("that is answered with %s says so", async (_, status, body, code, message) => {
    answer = (__, response) => response.writeHead(status).end(body);
    await expect(list()).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    await expect(list()).rejects.not.toThrow("secret");
  });

  it("ends at its deadline when the server never answers", async () => {
    answer = () => {};
    await expect(list(null, AbortSignal.timeout(100))).rejects.toMatchObject({ code: "unavailable" });
  });
});

describe("a redirect", () => {
  const to = (location: (path: string) => string) => {
    answer = (request, response) => {
      const isFirst = request.headers.host?.startsWith("127.") && request.url?.startsWith("/fleet.git");
      if (isFirst) response.writeHead(301, { location: location(request.url ?? "") }).end();
      else response.end(request.method === "GET" ? GREETING : LISTING);
    };
  };

  it("within the server is followed, with the credentials, and kept", async () => {
    to((path) => path.replace("/fleet.git", "/team/fleet.git"));
    const { link } = await list();
    expect(asked.map(({ url: path }) => path)).toEqual([
      `/fleet.git${SERVICE}`,
      `/team/fleet.git${SERVICE}`,
      "/team/fleet.git/git-upload-pack",
    ]);
    expect(asked.every(({ authorization }) => authorization !== undefined)).toBe(true);
    await list(link);
    expect(asked.slice(3).map(({ url: path }) => path)).toEqual(["/team/fleet.git/git-upload-pack"]);
  });

  it("to another server is followed without the credentials", async () => {
    to((path) => `${url.replace("127.0.0.1", "elsewhere.example.com")}${path}`);
    await list();
    expect(asked.map(({ host }) => host.split(":")[0])).toEqual([
      "127.0.0.1",
      "elsewhere.example.com",
      "elsewhere.example.com",
    ]);
    expect(asked.slice(1).map(({ authorization }) => authorization)).toEqual([undefined, undefined]);
  });

  it.each([
    ["inside", (path: string) => `http://inside.example.com${path}`, /redirects to http:\/\/inside\.example\.com/],
    ["to a file", () => "file:///etc/passwd", /it is not HTTP/],
    ["to no repository", () => "/login?next=fleet", /redirects to .*\/login.*no repository's address/],
    ["with credentials", (path: string) => `http://ada:x@127.0.0.1${path}`, /it holds credentials/],
    ["without end", (path: string) => path, /the 6th in a row/],
  ])("%s is refused, and names its target", async (_, location, message) => {
    to(location);
    await expect(list()).rejects.toMatchObject({ code: "forbidden", message: expect.stringMatching(message) });
  });
});
