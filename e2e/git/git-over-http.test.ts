import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openGit } from "@muster/hub/adapters/git/open.ts";
import { NO_CREDENTIALS } from "@muster/hub/ports/credentials.ts";
import { gitSourceContract } from "@muster/hub/ports/git-source.contract.ts";
import { type GitSource, plainRemote } from "@muster/hub/ports/git-source.ts";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ForgeRepository } from "../forge/forge.ts";
import { type GitHttpServer, gitHttpServer } from "../forge/git-http-server.ts";
import { workingRemote } from "./working-remote.ts";

const ada = { username: "ada", password: "correct horse" };

describe.each(["native", "isomorphic"] as const)("the %s engine over HTTP", (engine) => {
  gitSourceContract(async () => {
    const folder = await mkdtemp(join(tmpdir(), "muster-git-http-"));
    const server = await gitHttpServer();
    const remote = await workingRemote(await server.createRepository("fleet"));
    const { git } = await openGit({ engine, directory: folder });
    const stop = async () => {
      await server.stop();
      await rm(folder, { recursive: true });
    };
    return { git, remote, stop };
  });

  describe("with a server that asks for credentials", () => {
    let folder: string;
    let server: GitHttpServer;
    let repository: ForgeRepository;
    let git: GitSource;
    let head: string;
    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), "muster-git-http-"));
      server = await gitHttpServer({ credentials: ada });
      repository = await server.createRepository("fleet");
      head = await (await workingRemote(repository)).commit("main", { "a.yaml": "1" }, "First");
      ({ git } = await openGit({ engine, directory: folder }));
    });
    afterEach(async () => {
      await git.close();
      await server.stop();
      await rm(folder, { recursive: true });
    });

    const fetch = async (credentials: { username: string; password: string } | null) => {
      const auth = credentials === null ? NO_CREDENTIALS.auth : { kind: "basic" as const, ...credentials };
      const wanted = [{ ref: { branch: "main" }, knownHead: null }];
      const signal = AbortSignal.timeout(60_000);
      const remote = plainRemote(repository.url, "forge", { ...NO_CREDENTIALS, auth });
      return (await git.fetch(remote, { wanted, signal }))[0];
    };

    it("reads with the right ones", async () => {
      expect(await fetch(ada)).toMatchObject({ commit: { id: head } });
    });

    it("says that none were given, or that they were refused, and never what they were", async () => {
      await expect(fetch(null)).rejects.toMatchObject({
        code: "unauthenticated",
        message: expect.stringContaining("names none"),
      });
      const refused = await fetch({ ...ada, password: "wrong-secret" }).catch((error: unknown) => error);
      expect(refused).toMatchObject({ code: "unauthenticated", message: expect.stringContaining("refused") });
      expect(JSON.stringify([refused, String(refused), (refused as Error).stack])).not.toContain("wrong-secret");
    });

    it.each([
      ["server-error", "unavailable"],
      ["unreachable", "unavailable"],
      ["refuse-credentials", "unauthenticated"],
    ] as const)("tells %s as %s, and recovers", async (fault, code) => {
      await fetch(ada);
      await server.fail(fault);
      await expect(fetch(ada)).rejects.toMatchObject({ code });
      await server.recover();
      expect(await fetch(ada)).toMatchObject({ commit: { id: head } });
    });

    it("asks once and downloads nothing when nothing has changed", async () => {
      await fetch(ada);
      const before = server.requests.length;
      await fetch(ada);
      expect(server.requests.slice(before)).toEqual(["POST /fleet.git/git-upload-pack"]);
    });
  });
});
