import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import "reflect-metadata"; // x509 asks for it
import * as x509 from "@peculiar/x509";
import type { Schemas } from "../api/client.ts";
import { createPaint } from "../output/paint.ts";
import type { Terminal } from "../output/terminal.ts";

export const TOKEN = "mt1_for-this-test-only";

export interface FakeCall {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
}

/** An HTTPS server that answers like a hub: `"GET /v1/status"` → what to answer, or a function of the body. */
export type Answers = Record<string, unknown | ((body: unknown) => { status: number; body: unknown })>;

/** Serves `answers` on a loopback port under a certificate of a root made for this test. */
export async function fakeHub(answers: Answers) {
  const { root, certificate, key, caHash } = await makeCertificates();
  const calls: FakeCall[] = [];
  const server = createServer({ cert: `${certificate}\n${root}`, key }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const text = Buffer.concat(chunks).toString("utf8");
      const path = request.url ?? "";
      const body: unknown = text === "" ? null : JSON.parse(text);
      const isKnown = request.headers.authorization === `Bearer ${TOKEN}`;
      if (isKnown) calls.push({ method: request.method ?? "", path, body });
      const answer = isKnown ? answers[`${request.method} ${path}`] : problem(401, "unauthenticated", "Unknown token.");
      if (path === "/v1/events" && isKnown) {
        response.writeHead(200, { "content-type": "text/event-stream" });
        response.write("event: changed\ndata: {}\n\n");
        server.once("change", () => response.write("event: changed\ndata: {}\n\n"));
        return;
      }
      const made =
        typeof answer === "function" ? answer(body) : (answer ?? problem(404, "not-found", "No such thing."));
      const { status, body: sent } = isAnswer(made) ? made : { status: 200, body: made };
      const type = status >= 400 ? "application/problem+json" : "application/json";
      response.writeHead(status, { "content-type": type });
      response.end(status === 204 || sent === undefined ? undefined : JSON.stringify(sent));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    root,
    caHash,
    calls,
    change: () => server.emit("change"),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export const problem = (status: number, code: string, detail: string, more: object = {}) => ({
  status,
  body: { type: "about:blank", title: "-", status, code, detail, ...more },
});

const isAnswer = (made: unknown): made is { status: number; body: unknown } =>
  typeof made === "object" && made !== null && "status" in made && typeof made.status === "number" && "body" in made;

async function makeCertificates() {
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const validity = { notBefore: new Date(Date.now() - 60_000), notAfter: new Date(Date.now() + 3_600_000) };
  const rootKeys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    name: "CN=test root",
    keys: rootKeys,
    signingAlgorithm: algorithm,
    extensions: [new x509.BasicConstraintsExtension(true, 1, true)],
    ...validity,
  });
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const leaf = await x509.X509CertificateGenerator.create({
    subject: "CN=hub",
    issuer: root.subject,
    publicKey: keys.publicKey,
    signingKey: rootKeys.privateKey,
    signingAlgorithm: algorithm,
    extensions: [new x509.SubjectAlternativeNameExtension([{ type: "ip", value: "127.0.0.1" }])],
    ...validity,
  });
  const pkcs8 = Buffer.from(await crypto.subtle.exportKey("pkcs8", keys.privateKey)).toString("base64");
  const spki = await crypto.subtle.digest("SHA-256", root.publicKey.rawData);
  return {
    root: root.toString("pem"),
    certificate: leaf.toString("pem"),
    key: `-----BEGIN PRIVATE KEY-----\n${pkcs8}\n-----END PRIVATE KEY-----\n`,
    caHash: `sha256:${Buffer.from(spki).toString("hex")}`,
  };
}

/** A terminal that remembers what was said. */
export function fakeTerminal(options: { width?: number; answer?: boolean; input?: string; now?: number } = {}) {
  const said = { out: "", err: "", frames: [] as string[], questions: [] as string[] };
  const interrupt = new AbortController();
  const terminal: Terminal = {
    write: (text) => {
      said.out += text;
    },
    warn: (text) => {
      said.err += text;
    },
    width: options.width ?? null,
    isInteractive: options.answer !== undefined,
    paint: createPaint(false),
    paintWarning: createPaint(false),
    now: () => options.now ?? Date.parse("2026-03-03T13:05:00.000Z"),
    confirm: async (question) => {
      said.questions.push(question);
      return options.answer ?? false;
    },
    readInput: async () => options.input ?? "",
    redraw: (text) => {
      said.frames.push(text);
    },
    drawn: () => {},
    interrupted: interrupt.signal,
  };
  return { terminal, said, interrupt: () => interrupt.abort() };
}

export const aCluster = (change: Partial<Schemas["Cluster"]> = {}): Schemas["Cluster"] => ({
  name: "prod-eu-1",
  id: "c-1",
  labels: { region: "eu", tier: "prod" },
  state: "Connected",
  agentVersion: "0.1.0",
  kubernetesVersion: "1.37",
  lastSeen: "2026-03-03T13:04:56.000Z",
  certificateExpires: "2026-03-04T12:05:00.000Z",
  clockSkewMs: 3,
  registered: "2026-03-01T13:05:00.000Z",
  apps: { total: 2, synced: 2, healthy: 1, failed: 1, ahead: 0 },
  ...change,
});

export const aRelease = (change: Partial<Schemas["Release"]> = {}): Schemas["Release"] => ({
  number: 42,
  commit: "4f2c9e1aa0000000000000000000000000000000",
  subject: "Raise the timeout",
  digest: `b1:sha256:${"0".repeat(64)}`,
  variants: 1,
  objects: 7,
  bytes: 4_096,
  cause: { kind: "commit", detail: "" },
  held: false,
  created: "2026-03-03T12:05:00.000Z",
  ...change,
});

export const anApp = (change: Partial<Schemas["App"]> = {}): Schemas["App"] => ({
  project: "storefront",
  name: "shop",
  uid: "a-1",
  source: "fleet",
  path: "apps/shop",
  release: aRelease(),
  pin: null,
  deleting: false,
  summary: { clusters: 40, atTarget: 37, healthy: 36, failed: 0, offline: 1, drift: 0, ahead: 0 },
  state: "rollout: r42, 3 to go",
  problems: [],
  ...change,
});

export const aSource = (change: Partial<Schemas["Source"]> = {}): Schemas["Source"] => ({
  project: "storefront",
  name: "fleet",
  url: "https://git.example.com/platform/fleet.git",
  branch: "main",
  tag: null,
  held: null,
  state: "Ready",
  revision: {
    commit: "4f2c9e1aa0000000000000000000000000000000",
    subject: "Raise the timeout",
    author: "Ada",
    committedAt: "2026-03-03T12:04:00.000Z",
    seen: "2026-03-03T12:05:00.000Z",
  },
  lastChecked: "2026-03-03T13:04:30.000Z",
  problems: [],
  ...change,
});

export const aStatus = (change: Partial<Schemas["Status"]> = {}): Schemas["Status"] => ({
  hub: { id: "h-1", version: "0.1.0", epoch: 1, started: "2026-03-01T13:05:00.000Z" },
  clusters: [aCluster()],
  sources: [aSource()],
  apps: [anApp()],
  ...change,
});
