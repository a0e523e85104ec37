import { createHash } from "node:crypto";
import { AppError } from "@muster/shared/errors.ts";
import { silentLog } from "@muster/shared/log.ts";
import { definitionSchema } from "@muster/shared/model/definition-schema.ts";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { applyResult, statusView } from "../../core/views.ts";
import { authenticateByHash } from "./auth.ts";
import { problemBody } from "./problems.ts";
import { type ApiServer, createApiServer } from "./server.ts";
import { fakeHub } from "./testing/fake-hub.ts";

const TOKEN = "mt1_for-this-test-only";
const authorization = `Bearer ${TOKEN}`;

let hub: ReturnType<typeof fakeHub>;
let api: ApiServer;
const enrolment = {
  join: async () => ({ payload: "", signature: "", root: "" }),
  renew: async () => ({ payload: "", signature: "", root: "" }),
};

beforeEach(async () => {
  hub = fakeHub();
  api = await createApiServer({
    commands: hub.commands,
    queries: hub.queries,
    enrolment,
    authenticate: authenticateByHash(createHash("sha256").update(TOKEN).digest("hex"), "admin"),
    tls: null,
    metricsText: async () => "muster_up 1\n",
    webhookSecret: null,
    log: silentLog,
    version: "0.1.0",
  });
});
afterEach(() => api.close());

const get = (url: string, headers: Record<string, string> = { authorization }) =>
  api.inject({ method: "GET", url, headers });
const send = (method: "POST" | "PATCH" | "DELETE", url: string, payload?: object) =>
  api.inject({ method, url, headers: { authorization }, ...(payload === undefined ? {} : { payload }) });

describe("authentication", () => {
  it.each([
    ["no header", {}],
    ["another scheme", { authorization: `Basic ${TOKEN}` }],
    ["another token", { authorization: "Bearer mt1_other" }],
    ["an overlong token", { authorization: `Bearer ${"x".repeat(8_000)}` }],
    ["the token's hash", { authorization: `Bearer ${createHash("sha256").update(TOKEN).digest("hex")}` }],
  ])("refuses %s", async (_, headers) => {
    const answer = await get("/v1/status", headers as Record<string, string>);
    expect(answer.statusCode).toBe(401);
    expect(answer.headers["www-authenticate"]).toContain("Bearer");
    expect(problemBody.parse(answer.json())).toMatchObject({ code: "unauthenticated", fix: expect.any(String) });
  });

  it("is asked for on every route under /v1 but joining, renewing and schemas", async () => {
    const document = (await api.document()) as { paths: Record<string, Record<string, unknown>> };
    const calls = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => ({ method: method.toUpperCase(), path: path.replaceAll(/\{\w+\}/g, "x") })),
    );
    const guarded = calls.filter(({ path }) => path.startsWith("/v1/") && !/^\/v1\/(join|renew|schema\/x)$/.test(path));
    expect(guarded.length).toBeGreaterThan(15);
    for (const { method, path } of guarded) {
      const answer = await api.inject({ method: method as "GET", url: path });
      expect([method, path, answer.statusCode]).toEqual([method, path, 401]);
    }
    expect(hub.calls).toEqual([]);
  });

  it("tells commands who called, and from where", async () => {
    await send("DELETE", "/v1/clusters/prod-eu-1");
    expect(hub.calls[0]?.actor).toEqual({ kind: "person", name: "admin", from: "127.0.0.1" });
  });
});

describe("routes", () => {
  it("gives editors the schemas of definitions, without a token", async () => {
    const answer = await get("/v1/schema/app.json", {});
    expect([answer.statusCode, answer.json()]).toEqual([200, JSON.parse(JSON.stringify(definitionSchema("app")))]);
    const missing = await get("/v1/schema/apps.json", {});
    expect([missing.statusCode, missing.json().fix]).toEqual([404, expect.stringContaining("app.json, appset.json")]);
  });

  it("answers the status as the views say", async () => {
    const answer = await get("/v1/status");
    expect(answer.statusCode).toBe(200);
    expect(statusView.parse(answer.json())).toEqual(answer.json());
  });

  it("lists what belongs to one project", async () => {
    expect((await get("/v1/apps")).json().items).toHaveLength(2);
    expect((await get("/v1/projects/payments/apps")).json().items).toMatchObject([{ name: "api" }]);
    expect((await get("/v1/projects/payments/sources")).json().items).toHaveLength(1);
  });

  it.each([
    ["POST", "/v1/clusters", { name: "prod-eu-1", labels: { tier: "prod" } }, 201, "registerCluster"],
    ["PATCH", "/v1/clusters/prod-eu-1", { labels: { set: { a: "b" }, remove: ["c"] } }, 200, "labelCluster"],
    ["DELETE", "/v1/clusters/prod-eu-1", undefined, 204, "removeCluster"],
    ["DELETE", "/v1/projects/storefront/sources/fleet", undefined, 204, "deleteSource"],
    ["POST", "/v1/projects/storefront/sources/fleet/refresh", undefined, 202, "wakeSource"],
    ["DELETE", "/v1/projects/storefront/apps/shop", undefined, 202, "deleteApp"],
    ["POST", "/v1/projects/storefront/apps/shop/move", { to: "store" }, 200, "moveApp"],
    ["DELETE", "/v1/projects/storefront/apps/shop/pin?reason=over", undefined, 200, "unpin"],
    ["POST", "/v1/apply", { definitions: [{}] }, 200, "apply"],
    ["POST", "/v1/recoveries", { reason: "restored" }, 200, "recover"],
    [
      "POST",
      "/v1/rollbacks",
      { project: "storefront", app: "shop", to: "previous", reason: "errors" },
      200,
      "rollback",
    ],
  ] as const)("%s %s", async (method, url, payload, status, command) => {
    const answer = await send(method, url, payload);
    expect(answer.statusCode).toBe(status);
    expect(hub.calls.map((call) => call.what)).toEqual([command]);
    if (command === "apply") expect(applyResult.parse(answer.json())).toEqual(answer.json());
  });

  it("asks why for one cluster or over all", async () => {
    const url = "/v1/projects/storefront/apps/shop/why";
    expect((await get(`${url}?cluster=prod-eu-1`)).json()).toMatchObject({ cluster: "prod-eu-1" });
    expect((await get(url)).json()).toMatchObject({ cluster: null });
  });

  it("serves probes, metrics and its own description without a token", async () => {
    expect((await get("/healthz", {})).json()).toEqual({ status: "ok" });
    const ready = await get("/readyz", {});
    expect([ready.statusCode, ready.json()]).toEqual([503, { ready: false, waitingFor: ["the store"] }]);
    const metrics = await get("/metrics", {});
    expect([metrics.headers["content-type"], metrics.body]).toEqual([
      "text/plain; version=0.0.4; charset=utf-8",
      "muster_up 1\n",
    ]);
    expect((await get("/openapi.json", {})).json()).toMatchObject({ openapi: "3.1.0" });
  });
});

describe("problems", () => {
  it.each([
    ["invalid", 400],
    ["not-found", 404],
    ["conflict", 409],
    ["forbidden", 403],
    ["too-large", 413],
    ["unsupported", 422],
    ["unavailable", 503],
    ["corrupt", 500],
  ] as const)("translates %s to %i", async (code, status) => {
    hub.commands.deleteApp = async () => {
      throw new AppError(code, "What happened.", { fix: "What to do." });
    };
    const answer = await send("DELETE", "/v1/projects/storefront/apps/shop");
    expect(answer.statusCode).toBe(status);
    expect(answer.headers["content-type"]).toContain("application/problem+json");
    expect(problemBody.parse(answer.json())).toMatchObject({ code, detail: "What happened.", fix: "What to do." });
  });

  it("keeps a bug's words to the log", async () => {
    hub.queries.status = async () => {
      throw new TypeError("secret internals");
    };
    const answer = await get("/v1/status");
    expect(answer.statusCode).toBe(500);
    expect(answer.body).not.toContain("secret internals");
    expect(answer.json()).toMatchObject({ code: "internal", requestId: expect.any(String) });
  });

  it.each([
    ["an unknown field", { name: "a", lables: {} }, "lables", 'did you mean "labels"?'],
    ["a broken rule", { name: "Not A Name" }, "name", "lower-case letters"],
    ["a missing field", {}, "name", '"name" is missing'],
  ])("names the field of %s", async (_, payload, field, words) => {
    const answer = await send("POST", "/v1/clusters", payload);
    expect(answer.statusCode).toBe(400);
    expect(answer.json()).toMatchObject({ code: "invalid", field });
    expect(answer.json().detail).toContain(words);
  });

  it("says that a body is not JSON", async () => {
    const headers = { authorization, "content-type": "application/json" };
    const answer = await api.inject({ method: "POST", url: "/v1/clusters", headers, payload: "{" });
    expect([answer.statusCode, answer.json().code]).toEqual([400, "invalid"]);
    expect(answer.json().detail).toContain("not JSON");
  });

  it("refuses a body over the limit", async () => {
    const answer = await send("POST", "/v1/clusters", { name: "x".repeat(2_000_000) });
    expect([answer.statusCode, answer.json().code]).toEqual([413, "too-large"]);
  });

  it("answers unknown paths in the same shape", async () => {
    const answer = await get("/v1/nothing");
    expect([answer.statusCode, answer.json().code]).toEqual([404, "not-found"]);
  });
});

describe("joining", () => {
  it("bounds how often one address may call", async () => {
    const statuses: number[] = [];
    for (let batch = 0; batch < 13; batch++) {
      const calls = Array.from({ length: 50 }, () => api.inject({ method: "POST", url: "/v1/join", payload: {} }));
      statuses.push(...(await Promise.all(calls)).map((answer) => answer.statusCode));
    }
    expect(statuses).toEqual([...Array(600).fill(400), ...Array(50).fill(429)]);
  });

  it("refuses a body over 32 KiB", async () => {
    const payload = { csr: "A".repeat(40_000) };
    expect((await api.inject({ method: "POST", url: "/v1/join", payload })).statusCode).toBe(413);
  });
});

describe("events", () => {
  it("tells at once, then at each change, and ends when the server closes", async () => {
    const answering = api.inject({
      method: "GET",
      url: "/v1/events",
      headers: { authorization },
      payloadAsStream: true,
    });
    const stream = (await answering).stream();
    let text = "";
    stream.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
    const seen = (count: number) => expect.poll(() => text.match(/^event: changed$/gm)?.length ?? 0).toBe(count);
    await seen(1);
    hub.change();
    await seen(2);
    const ended = new Promise((resolve) => stream.once("close", resolve));
    await api.close();
    await ended;
  });
});
