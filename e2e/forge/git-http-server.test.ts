import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { forgeContract } from "./forge.contract.ts";
import type { ForgeRepository } from "./forge.ts";
import { type GitHttpServer, gitHttpServer } from "./git-http-server.ts";
import type { WorkingCopy } from "./working-copy.ts";

const credentials = { username: "muster", password: "a:b c" };

describe("plain HTTP, open to all", () => forgeContract(() => gitHttpServer(), { authenticates: false }));
describe("TLS and Basic authentication", () =>
  forgeContract(() => gitHttpServer({ tls: true, credentials }), { authenticates: true }));

describe("faults", () => {
  let server: GitHttpServer;
  let repository: ForgeRepository;
  let copy: WorkingCopy;
  beforeAll(async () => {
    server = await gitHttpServer({ credentials });
    repository = await server.createRepository("fleet");
    copy = await repository.workingCopy();
    await copy.commitAndPush({ a: "1" }, "First");
  });
  afterAll(() => server?.stop());

  test.for([
    ["refuse-credentials", /Authentication failed|could not read Username/],
    ["server-error", /500/],
    ["unreachable", /Failed to connect|Couldn't connect|Connection refused/i],
  ] as const)("%s, and back", async ([fault, message]) => {
    await server.fail(fault);
    await expect(copy.git("fetch", "origin")).rejects.toThrow(message);
    await server.recover();
    await copy.git("fetch", "origin");
  });

  test("hang takes the request and never answers, until it recovers", async () => {
    await server.fail("hang");
    const seen = server.requests.length;
    let hasEnded = false;
    const fetching = copy.git("fetch", "origin").finally(() => {
      hasEnded = true;
    });
    fetching.catch(() => {});
    await expect.poll(() => server.requests.length).toBeGreaterThan(seen);
    expect(hasEnded).toBe(false);
    await server.recover();
    await expect(fetching).rejects.toThrow(/Empty reply|recv failure|unexpectedly closed/i);
    await copy.git("fetch", "origin");
  });
});

test("a webhook that nobody takes does not harm the push, and its fate is known", async () => {
  const server = await gitHttpServer();
  try {
    const repository = await server.createRepository("fleet");
    await repository.addWebhook({ url: "http://127.0.0.1:1/", secret: "s" });
    await (await repository.workingCopy()).commitAndPush({ a: "1" }, "First");
    await expect.poll(() => server.deliveries).toMatchObject([{ ref: "refs/heads/main", outcome: { error: /./ } }]);
  } finally {
    await server.stop();
  }
});

test("stopping removes repositories and working copies", async () => {
  const server = await gitHttpServer();
  const repository = await server.createRepository("fleet");
  const copy = await repository.workingCopy();
  const folders = [copy.folder, server.repositoryFolder("fleet"), dirname(dirname(server.repositoryFolder("fleet")))];
  expect(folders.map((folder) => existsSync(folder))).toEqual([true, true, true]);
  await server.stop();
  expect(folders.map((folder) => existsSync(folder))).toEqual([false, false, false]);
});
