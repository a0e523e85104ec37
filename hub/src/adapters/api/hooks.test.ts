import { createHmac, randomBytes } from "node:crypto";
import { silentLog } from "@muster/shared/log.ts";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createDeliveryMemory } from "./delivery-memory.ts";
import { type ApiServer, createApiServer } from "./server.ts";
import { fakeHub } from "./testing/fake-hub.ts";

const SECRET = randomBytes(24).toString("base64url");
const SIGNING_TOKEN = `whsec_${randomBytes(32).toString("base64")}`;
const NOW = Date.UTC(2026, 2, 3, 12, 0, 0);
const MINUTE = 60_000;

let hub: ReturnType<typeof fakeHub>;
let api: ApiServer;
let now: number;

async function serve(webhookSecret: string | null): Promise<void> {
  hub = fakeHub();
  api = await createApiServer({
    commands: hub.commands,
    queries: hub.queries,
    enrolment: {
      join: async () => ({ payload: "", signature: "", root: "" }),
      renew: async () => ({ payload: "", signature: "", root: "" }),
    },
    authenticate: () => null,
    tls: null,
    metricsText: async () => "",
    webhookSecret,
    now: () => now,
    log: silentLog,
    version: "0.1.0",
  });
}
beforeEach(async () => {
  now = NOW;
  await serve(`${SECRET}\r\n${SIGNING_TOKEN}\n`);
});
afterEach(() => api.close());

type Headers = Record<string, string>;
const post = (payload: string, headers: Headers, url = "/hooks/storefront/fleet") =>
  api.inject({ method: "POST", url, payload, headers: { "content-type": "application/json", ...headers } });
const wakes = (): number => hub.calls.filter(({ what }) => what === "wakeSource").length;

const hex = (text: string, secret = SECRET): string => createHmac("sha256", secret).update(text).digest("hex");
const seconds = (at: number): string => String(Math.floor(at / 1_000));
const tokenKey = (token: string): Buffer => Buffer.from(token.replace("whsec_", ""), "base64");
const standard = (body: string, at = NOW, id = "msg_1", key: Buffer | string = tokenKey(SIGNING_TOKEN)): Headers => ({
  "webhook-id": id,
  "webhook-timestamp": seconds(at),
  "webhook-signature": `v1,${createHmac("sha256", key)
    .update(`${id}.${seconds(at)}.${body}`)
    .digest("base64")}`,
});
const muster = (body: string, at = NOW, secret = SECRET): Headers => ({
  "x-muster-signature": `t=${seconds(at)},v1=${hex(`${seconds(at)}.${body}`, secret)}`,
});

/** Headers as each host documents them, and what it calls a delivery. */
const hosts: [string, (body: string, secret?: string) => Headers, (name: string) => Headers][] = [
  [
    "GitHub",
    (body, secret) => ({ "x-hub-signature-256": `sha256=${hex(body, secret)}`, "x-github-event": "push" }),
    (name) => ({ "x-github-delivery": name }),
  ],
  [
    "Gitea",
    (body, secret) => ({ "x-gitea-signature": hex(body, secret), "x-gitea-event": "push" }),
    (name) => ({ "x-gitea-delivery": name }),
  ],
  [
    "Forgejo",
    (body, secret) => ({ "x-forgejo-signature": hex(body, secret), "x-forgejo-event": "push" }),
    (name) => ({ "x-forgejo-delivery": name }),
  ],
  [
    "Bitbucket Cloud",
    (body, secret) => ({ "x-hub-signature": `sha256=${hex(body, secret)}`, "x-event-key": "repo:push" }),
    (name) => ({ "x-request-uuid": name }),
  ],
  [
    "Bitbucket Data Center",
    (body, secret) => ({ "x-hub-signature": `sha256=${hex(body, secret)}`, "x-event-key": "repo:refs_changed" }),
    (name) => ({ "x-request-id": name }),
  ],
  [
    "GitLab by its secret token",
    (_, secret = SECRET) => ({ "x-gitlab-token": secret, "x-gitlab-event": "Push Hook" }),
    (name) => ({ "idempotency-key": name }),
  ],
];

describe.each(hosts)("a webhook of %s", (_, sign, delivery) => {
  it("wakes the Source it names", async () => {
    const body = '{"ref":"refs/heads/main"}';
    const answer = await post(body, sign(body));
    expect([answer.statusCode, answer.body]).toEqual([202, ""]);
    expect(hub.calls).toMatchObject([{ what: "wakeSource", args: [{ project: "storefront", name: "fleet" }] }]);
  });

  it("does nothing with another secret", async () => {
    expect((await post("{}", sign("{}", "guess"))).statusCode).toBe(401);
    expect(hub.calls).toEqual([]);
  });

  it("wakes once for one delivery, and again for another, or later", async () => {
    const again = async (name: string) => (await post("{}", { ...sign("{}"), ...delivery(name) })).statusCode;
    expect([await again("d-1"), await again("d-1")]).toEqual([202, 202]);
    expect(wakes()).toBe(1);
    await again("d-2");
    expect(wakes()).toBe(2);
    await post("{}", { ...sign("{}"), ...delivery("d-1") }, "/hooks/payments/fleet");
    expect(wakes()).toBe(3);
    now += 11 * MINUTE;
    await again("d-1");
    expect(wakes()).toBe(4);
  });

  it("wakes each time when deliveries have no name", async () => {
    await post("{}", sign("{}"));
    await post("{}", sign("{}"));
    expect(wakes()).toBe(2);
  });
});

describe("a webhook with its time in the signature", () => {
  const timed: [string, (body: string, at?: number) => Headers][] = [
    ["GitLab by its signing token", standard],
    ["Standard Webhooks with a secret as it is", (body, at) => standard(body, at, "msg_1", SECRET)],
    ["Muster's own", muster],
  ];
  it.each(timed)("wakes once: %s", async (_, sign) => {
    expect((await post("{}", sign("{}"))).statusCode).toBe(202);
    expect((await post("{}", sign("{}"))).statusCode).toBe(202);
    expect(wakes()).toBe(1);
  });

  it.each(timed)("is taken within five minutes either way: %s", async (_, sign) => {
    for (const [at, status] of [
      [NOW - 6 * MINUTE, 401],
      [NOW + 6 * MINUTE, 401],
      [NOW - 4 * MINUTE, 202],
    ] as const) {
      expect((await post("{}", sign("{}", at))).statusCode).toBe(status);
    }
    expect(wakes()).toBe(1);
  });

  it.each(timed)("is not renewed by writing another time into it: %s", async (_, sign) => {
    const old = sign("{}", NOW - 60 * MINUTE);
    const renewed = Object.fromEntries(
      Object.entries(old).map(([name, value]) => [name, value.replace(seconds(NOW - 60 * MINUTE), seconds(NOW))]),
    );
    const answer = await post("{}", renewed);
    expect([answer.statusCode, answer.json().detail ?? answer.json().title]).toEqual([
      401,
      expect.stringContaining("does not match"),
    ]);
    expect((await post("{}", old)).body).toContain("five minutes");
    expect(hub.calls).toEqual([]);
  });

  it("is taken with one of several signatures", async () => {
    const { "webhook-signature": good = "", ...rest } = standard("{}");
    const signatures = `v1a,x v1,${randomBytes(32).toString("base64")} ${good}`;
    expect((await post("{}", { ...rest, "webhook-signature": signatures })).statusCode).toBe(202);
  });
});

describe("a webhook", () => {
  const github = (body: string, secret?: string): Headers => ({ "x-hub-signature-256": `sha256=${hex(body, secret)}` });

  it.each<[string, Headers]>([
    ["no signature", {}],
    ["a signature of another body", github("{ }")],
    ["a cut signature", { "x-hub-signature-256": github("{}")["x-hub-signature-256"]?.slice(0, 30) ?? "" }],
    ["a signature without its kind", { "x-hub-signature-256": hex("{}") }],
    ["GitHub's old SHA-1", { "x-hub-signature": `sha1=${createHmac("sha1", SECRET).update("{}").digest("hex")}` }],
    ["an empty token", { "x-gitlab-token": "" }],
    ["all secrets as a token", { "x-gitlab-token": `${SECRET}\n${SIGNING_TOKEN}`.replace("\n", " ") }],
    ["a signing token's text as the key", standard("{}", NOW, "msg_1", SIGNING_TOKEN)],
    ["no id", { ...standard("{}", NOW, ""), "webhook-id": "" }],
    ["the secret as a bearer", { authorization: `Bearer ${SECRET}` }],
    ["the key of a hub without secrets", github("{}", "unset")],
  ])("does nothing with %s", async (_, headers) => {
    expect((await post("{}", headers)).statusCode).toBe(401);
    expect(hub.calls).toEqual([]);
  });

  it.each([null, "", "\n \n"])("is refused by a hub whose secret is %j", async (secret) => {
    await api.close();
    await serve(secret);
    for (const key of ["", "unset", SECRET]) {
      const headers = { ...github("{}", key), ...muster("{}", NOW, key), "x-gitlab-token": key };
      expect((await post("{}", headers)).statusCode).toBe(401);
    }
    expect(hub.calls).toEqual([]);
  });

  it.each([
    ["bytes that are no JSON", "payload=%7B", "application/x-www-form-urlencoded"],
    ["nothing", "", "application/json"],
  ])("may hold %s", async (_, body, type) => {
    expect((await post(body, { ...github(body), "content-type": type })).statusCode).toBe(202);
    expect(wakes()).toBe(1);
  });

  it("of over 1 MiB is refused", async () => {
    const body = "x".repeat(1024 * 1024 + 1);
    expect((await post(body, github(body))).statusCode).toBe(413);
    expect(hub.calls).toEqual([]);
  });
});

describe("the memory of deliveries", () => {
  it("forgets the oldest when it is full, and each after its time", () => {
    const memory = createDeliveryMemory({ keepMs: 100, lengthMax: 2 });
    for (const [index, delivery] of ["a", "b", "c"].entries()) memory.remember(delivery, index);
    expect(["a", "b", "c"].map((delivery) => memory.has(delivery, 50))).toEqual([false, true, true]);
    expect(memory.has("c", 101)).toBe(true);
    expect(memory.has("c", 102)).toBe(false);
  });
});
