import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Forge, ForgeRepository } from "./forge.ts";
import { isSignedWith, startWebhookReceiver, type WebhookReceiver } from "./webhook-receiver.ts";
import { openWorkingCopy } from "./working-copy.ts";

/** What every Git server of the tests must do. `authenticates` says whether it asks who one is. */
export function forgeContract(start: () => Promise<Forge>, { authenticates }: { authenticates: boolean }): void {
  let forge: Forge;
  let receiver: WebhookReceiver;
  let repositories = 0;
  const newRepository = (): Promise<ForgeRepository> => {
    repositories += 1;
    return forge.createRepository(`fleet-${repositories}`);
  };
  beforeAll(async () => {
    forge = await start();
    receiver = await startWebhookReceiver();
  }, 300_000);
  afterAll(async () => {
    await receiver?.stop();
    await forge?.stop();
  }, 60_000);

  test("what one clone pushes, another finds", async () => {
    const repository = await newRepository();
    expect(await repository.branchCommit()).toBeUndefined();
    const first = await repository.workingCopy();
    const files = { "apps/web.yaml": "kind: ConfigMap\n", "ümlaut and space.txt": "å" };
    const commit = await first.commitAndPush(files, "Add web");
    expect(await repository.branchCommit()).toBe(commit);

    const second = await repository.workingCopy();
    expect(await second.head()).toBe(commit);
    expect(readFileSync(join(second.folder, "apps/web.yaml"), "utf8")).toBe("kind: ConfigMap\n");
    const removal = await second.commitAndPush({ "apps/web.yaml": null }, "Remove web");
    expect(await second.git("ls-tree", "-r", "--name-only", "-z", removal)).toBe("ümlaut and space.txt\0");
  });

  test("history is rewritten by force only", async () => {
    const repository = await newRepository();
    const copy = await repository.workingCopy();
    const base = await copy.commitAndPush({ a: "1" }, "First");
    await copy.commitAndPush({ a: "2" }, "Second");
    await copy.git("reset", "--quiet", "--hard", base);
    const other = await copy.commit({ a: "3" }, "Another second");
    await expect(copy.push()).rejects.toThrow(/non-fast-forward|fetch first/);
    await copy.push({ force: true });
    expect(await repository.branchCommit()).toBe(other);
  });

  test("branches and tags come, move and go", async () => {
    const repository = await newRepository();
    const copy = await repository.workingCopy();
    await copy.commitAndPush({ a: "1" }, "First");
    await copy.checkout("feature");
    const feature = await copy.commitAndPush({ a: "2" }, "On a branch");
    expect(await repository.branchCommit("feature")).toBe(feature);
    await copy.pushTag("v1.0.0", { message: "The first" });
    await copy.deleteBranch("feature");
    expect(await repository.branchCommit("feature")).toBeUndefined();
    const references = await copy.git("ls-remote", "--tags", "origin");
    expect(references).toContain(`${feature}\trefs/tags/v1.0.0^{}`);
  });

  if (authenticates) {
    test("wrong credentials are refused", async () => {
      const { url, caPem, credentials } = await newRepository();
      const parentFolder = (await (await newRepository()).workingCopy()).folder;
      const wrong = { username: credentials?.username ?? "", password: "not this one" };
      await expect(openWorkingCopy({ url, caPem, credentials: wrong, parentFolder })).rejects.toThrow(
        /Authentication failed|could not read Username|403/,
      );
    });
  }

  test("a push is delivered to webhooks, signed", async () => {
    const repository = await newRepository();
    await repository.addWebhook({ url: receiver.url, secret: "between us" });
    const copy = await repository.workingCopy();
    const first = await copy.commitAndPush({ a: "1" }, "First");
    const second = await copy.commitAndPush({ a: "2" }, "Second");
    const webhook = await receiver.next(({ json }) => json.after === second);
    expect(webhook.headers["content-type"]).toMatch(/^application\/json/);
    expect(webhook.headers["x-github-event"]).toBe("push");
    expect(webhook.json).toMatchObject({
      ref: "refs/heads/main",
      before: first,
      after: second,
      repository: { clone_url: repository.url },
    });
    expect([isSignedWith("between us", webhook), isSignedWith("a guess", webhook)]).toEqual([true, false]);
  });

  test("a deleted repository is gone", async () => {
    const repository = await newRepository();
    const copy = await repository.workingCopy();
    await copy.commitAndPush({ a: "1" }, "First");
    await repository.delete();
    await expect(copy.git("fetch", "origin")).rejects.toThrow(/not found/i);
  });

  test("several clones are read at the same time", async () => {
    const repository = await newRepository();
    const files = Object.fromEntries(
      Array.from({ length: 200 }, (_, index) => [`f/${index}`, `${index}\n`.repeat(500)]),
    );
    const commit = await (await repository.workingCopy()).commitAndPush(files, "Many files");
    const copies = await Promise.all(Array.from({ length: 5 }, () => repository.workingCopy()));
    expect(await Promise.all(copies.map((copy) => copy.head()))).toEqual(Array(5).fill(commit));
  });
}
