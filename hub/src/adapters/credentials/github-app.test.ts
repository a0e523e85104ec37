import { createHash, createPublicKey, generateKeyPairSync, verify } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { inspect } from "node:util";
import { createLog } from "@muster/shared/log.ts";
import { FakeClock } from "@muster/shared/testing/fake-clock.ts";
import { Agent } from "undici";
import { afterEach, beforeEach, expect, it } from "vitest";
import { openMountedCredentials } from "./open.ts";
import { BOUND, type MountedDirectory, mountedDirectory } from "./testing/mount.ts";

const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const pem = privateKey.export({ type: "pkcs1", format: "pem" }).toString();
const { signal } = new AbortController();
const use = { project: "storefront", url: "https://git.example.com/team/shop.git" };
const MINUTE = 60_000;
const CANARY = `ghs_canary-${createHash("sha256").update(pem).digest("hex").slice(0, 8)}`;

let clock: FakeClock;
let mounted: MountedDirectory;
let requests: IncomingMessage[];
let answer: (response: ServerResponse) => void;
let tokens: number;
let lines: string;
let store: ReturnType<typeof openMountedCredentials>;
let closeServer: () => void;
let apiUrl: string;

const note = (line: string): void => {
  lines += line;
};
const token = (number: number): string => `${CANARY}-${number}`;
const giveToken = (response: ServerResponse): void => {
  tokens += 1;
  const expires_at = new Date(clock.now() + 60 * MINUTE).toISOString();
  response.writeHead(201).end(JSON.stringify({ token: token(tokens), expires_at }));
};

beforeEach(async () => {
  [clock, requests, answer, tokens, lines] = [new FakeClock(), [], giveToken, 0, ""];
  const server = createServer((incoming, response) => {
    requests.push(incoming);
    answer(response);
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  closeServer = () => {
    server.closeAllConnections();
    server.close();
  };
  apiUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/v3`;
  mounted = await mountedDirectory();
  store = openMountedCredentials({
    directory: mounted.directory,
    dispatcherOf: () => new Agent(),
    clock,
    log: createLog({ name: "test", level: "debug", destination: { write: note } }),
  });
  await mount();
});
afterEach(async () => {
  store.close();
  closeServer();
  await mounted.close();
});

const mount = (files: Record<string, string> = {}) =>
  mounted.mount("app", {
    ...BOUND,
    githubAppID: "1234\n",
    githubAppInstallationID: "5678\n",
    githubAppPrivateKey: pem,
    githubAppBaseURL: `${apiUrl}/`,
    ...files,
  });
const resolved = async () => (await store.resolve("app", use, { signal })).auth;

it("exchanges the App's signed word for a token of its installation", async () => {
  expect(await resolved()).toEqual({ kind: "token", token: token(1) });
  const [request] = requests;
  expect(`${request?.method} ${request?.url}`).toBe("POST /api/v3/app/installations/5678/access_tokens");
  expect(request?.headers).toMatchObject({ accept: "application/vnd.github+json", "user-agent": "muster" });
  const [header = "", claims = "", signature = ""] =
    request?.headers.authorization?.replace("Bearer ", "").split(".") ?? [];
  const decode = (part: string): unknown => JSON.parse(Buffer.from(part, "base64url").toString());
  expect(decode(header)).toEqual({ alg: "RS256", typ: "JWT" });
  const now = clock.now() / 1_000;
  expect(decode(claims)).toEqual({ iat: now - 60, exp: now + 540, iss: "1234" });
  const signed = Buffer.from(`${header}.${claims}`);
  expect(verify("RSA-SHA256", signed, createPublicKey(privateKey), Buffer.from(signature, "base64url"))).toBe(true);
});

it("keeps a token while it is good for a while, and renews it well before it ends", async () => {
  await resolved();
  await clock.advance(39 * MINUTE);
  expect(await resolved()).toEqual({ kind: "token", token: token(1) });
  expect(requests).toHaveLength(1);
  await clock.advance(2 * MINUTE);
  expect(await resolved()).toEqual({ kind: "token", token: token(2) });
});

it("asks once for all who want it at the same time", async () => {
  const all = await Promise.all(Array.from({ length: 20 }, resolved));
  expect(new Set(all.map((auth) => JSON.stringify(auth)))).toHaveLength(1);
  expect(requests).toHaveLength(1);
});

it("lets one who waits leave without taking the answer from the others", async () => {
  const held = Promise.withResolvers<ServerResponse>();
  answer = held.resolve;
  const leaving = new AbortController();
  const left = store.resolve("app", use, { signal: leaving.signal });
  const stayed = resolved();
  const response = await held.promise;
  leaving.abort();
  await expect(left).rejects.toMatchObject({ code: "cancelled" });
  giveToken(response);
  expect(await stayed).toEqual({ kind: "token", token: token(1) });
});

it("uses the old token while a renewal fails, to its last minute", async () => {
  await resolved();
  answer = (response) => response.writeHead(503).end();
  await clock.advance(50 * MINUTE);
  expect(await resolved()).toEqual({ kind: "token", token: token(1) });
  expect(lines).toContain("not renewed");
  await clock.advance(9.5 * MINUTE);
  await expect(resolved()).rejects.toMatchObject({ code: "unavailable" });
  answer = giveToken;
  expect(await resolved()).toEqual({ kind: "token", token: token(2) });
});

it("asks anew for another key or installation", async () => {
  await resolved();
  await mount({ githubAppInstallationID: "9" });
  expect(await resolved()).toEqual({ kind: "token", token: token(2) });
  expect(requests[1]?.url).toContain("/9/");
});

it.each([
  [401, "{}", /does not accept the App's id or private key/],
  [403, "{}", /suspended/],
  [404, "{}", /no such installation/],
  [302, "{}", /status 302/],
  [500, "{}", /status 500/],
  [201, "not JSON", /not a token/],
  [201, '{"token":"x","expires_at":"soon"}', /not a token/],
  [201, `{"token":"${"x".repeat(300_000)}"}`, /too long/],
])("says what an answer of %i means", async (status, body, message) => {
  answer = (response) => response.writeHead(status, status === 302 ? { location: "/elsewhere" } : {}).end(body);
  await expect(resolved()).rejects.toMatchObject({
    code: "unavailable",
    message: expect.stringMatching(message),
    isRetryable: true,
  });
  expect(requests).toHaveLength(1);
});

it("says that nobody answers", async () => {
  closeServer();
  await expect(resolved()).rejects.toMatchObject({
    code: "unavailable",
    message: expect.stringMatching(/^credential app: /),
  });
});

it("refuses a key that is none, without asking anybody", async () => {
  const { privateKey: other } = generateKeyPairSync("ed25519");
  await mount({ githubAppPrivateKey: other.export({ type: "pkcs8", format: "pem" }).toString() });
  await expect(resolved()).rejects.toMatchObject({ code: "invalid", message: expect.stringContaining("not an RSA") });
  expect(requests).toHaveLength(0);
});

it("shows neither token, key nor signed word in logs and errors", async () => {
  await resolved();
  answer = (response) => response.writeHead(201).end(`${CANARY} is not JSON`);
  await clock.advance(50 * MINUTE);
  await resolved();
  await clock.advance(10 * MINUTE);
  const error = await resolved().catch((caught: unknown) => caught);
  const shown = lines + inspect(error, { depth: null, showHidden: true });
  expect(shown).toContain("installation token received");
  expect(shown).toContain("not a token");
  const [, keyLine = ""] = pem.split("\n");
  const words = requests.map((request) => request.headers.authorization?.replace("Bearer ", "") ?? "");
  for (const secret of [CANARY, keyLine, ...words]) expect(shown).not.toContain(secret);
});
