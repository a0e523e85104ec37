import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openGit } from "@muster/hub/adapters/git/open.ts";
import { type Credentials, NO_CREDENTIALS } from "@muster/hub/ports/credentials.ts";
import { gitSourceContract } from "@muster/hub/ports/git-source.contract.ts";
import { type GitSource, plainRemote } from "@muster/hub/ports/git-source.ts";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Reaper, startReaper } from "../control-plane/processes/reaper.ts";
import { gitHttpServer } from "../forge/git-http-server.ts";
import { hasSshServer, type SshServer, sshServer } from "../forge/ssh-server.ts";
import { workingRemote } from "./working-remote.ts";

// `apt-get install openssh-server` to run them.
describe.runIf(hasSshServer())("the native engine over SSH", () => {
  let reaper: Reaper;
  let server: SshServer;
  beforeAll(async () => {
    reaper = startReaper();
    server = await sshServer({ folder: join(reaper.temporaryFolder("muster-sshd").path, "sshd"), reaper });
  });
  afterAll(async () => {
    await server?.stop();
    await reaper?.close();
  });
  const withKey = (privateKey: string, knownHosts = server.knownHosts): Credentials => ({
    ...NO_CREDENTIALS,
    auth: { kind: "ssh", privateKey, knownHosts },
  });

  /** Pushed to over HTTP, read over SSH. */
  async function open() {
    const folder = await mkdtemp(join(tmpdir(), "muster-git-ssh-"));
    const forge = await gitHttpServer();
    const pushed = await workingRemote(await forge.createRepository("fleet"));
    const url = `${server.url}${forge.repositoryFolder("fleet")}`;
    const directory = join(folder, "mirrors");
    const { git } = await openGit({ engine: "native", directory });
    const stop = async () => {
      await forge.stop();
      await rm(folder, { recursive: true });
    };
    return { git, remote: { ...pushed, url, credentials: withKey(server.privateKey) }, directory, stop };
  }

  gitSourceContract(open);

  describe("with keys", () => {
    let git: GitSource;
    let mirrors: string;
    let url: string;
    let stop: () => Promise<void>;
    beforeEach(async () => {
      const opened = await open();
      ({ git, stop, directory: mirrors } = opened);
      ({ url } = opened.remote);
      await opened.remote.commit("main", { "a.yaml": "1" }, "First");
    });
    afterEach(async () => {
      await git.close();
      await stop();
    });
    const fetch = (credentials: Credentials) =>
      git.fetch(plainRemote(url, "", credentials), {
        wanted: [{ ref: { branch: "main" }, knownHead: null }],
        signal: AbortSignal.timeout(60_000),
      });

    it.each([
      ["another key", () => withKey(server.strangerKey), /refused the credentials/],
      ["a host key that is not known", () => withKey(server.privateKey, ""), /host key that known_hosts does not have/],
      ["a password", () => ({ ...NO_CREDENTIALS, auth: { kind: "token", token: "x" } }) as Credentials, /private key/],
      ["nothing", () => NO_CREDENTIALS, /private key/],
    ])("refuses %s, and says what is wrong", async (_, credentials, message) => {
      await expect(fetch(credentials())).rejects.toMatchObject({
        code: "unauthenticated",
        message: expect.stringMatching(message),
        fix: expect.any(String),
      });
    });

    it("refuses another host's key under this name", async () => {
      await expect(fetch(withKey(server.privateKey, server.impostorKnownHosts))).rejects.toMatchObject({
        code: "unauthenticated",
        message: expect.stringMatching(/host key/),
      });
    });

    it("leaves no key behind", async () => {
      await fetch(withKey(server.privateKey));
      await fetch(withKey(server.strangerKey)).catch(() => {});
      expect(await readdir(join(mirrors, "secrets-in-use"))).toEqual([]);
    });
  });
});
