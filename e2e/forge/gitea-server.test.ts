import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { pollUntil } from "../control-plane/processes/poll-until.ts";
import { isRunning } from "../control-plane/processes/process-identity.ts";
import { forgeContract } from "./forge.contract.ts";
import { giteaAvailability } from "./gitea-availability.ts";
import { type GiteaServer, giteaServer } from "./gitea-server.ts";

const availability = await giteaAvailability();

describe.skipIf(!availability.ok)("gitea", () => {
  forgeContract(() => giteaServer(), { authenticates: true });

  describe("what only a real forge has", () => {
    let gitea: GiteaServer;
    beforeAll(async () => {
      gitea = await giteaServer({ ssh: true });
    });
    afterAll(() => gitea?.stop());

    test("commit statuses and pull requests through its API", async () => {
      const repository = await gitea.createRepository("fleet");
      const copy = await repository.workingCopy();
      await copy.commitAndPush({ a: "1" }, "First");
      await copy.checkout("change");
      const commit = await copy.commitAndPush({ a: "2" }, "Change a");
      // Gitea takes note of a push after it has answered it.
      await pollUntil("Gitea to know the branch", async () => {
        const branch = await gitea.api("GET", "/repos/muster/fleet/branches/change");
        return branch.commit.id === commit;
      });
      const request = { title: "Change a", head: "change", base: "main" };
      expect((await gitea.api("POST", "/repos/muster/fleet/pulls", request)).head.sha).toBe(commit);
      await gitea.api("POST", `/repos/muster/fleet/statuses/${commit}`, { state: "success", context: "muster" });
      expect(await gitea.api("GET", `/repos/muster/fleet/statuses/${commit}`)).toMatchObject([{ context: "muster" }]);
    });

    test("clones over SSH with a key", async () => {
      const repository = await gitea.createRepository("over-ssh");
      const copy = await repository.workingCopy();
      const commit = await copy.commitAndPush({ a: "1" }, "First");
      const keyPath = join(copy.folder, "..", "key");
      await promisify(execFile)("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", keyPath]);
      const key = readFileSync(`${keyPath}.pub`, "utf8");
      await gitea.api("POST", "/user/keys", { title: "test", key });
      const ssh = `ssh -i ${keyPath} -F /dev/null -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null`;
      const answer = await copy.git("-c", `core.sshCommand=${ssh}`, "ls-remote", `${gitea.sshUrl}/muster/over-ssh.git`);
      expect(answer).toContain(`${commit}\trefs/heads/main`);
    });
  });

  test("stopping leaves no process and no folder", async () => {
    const gitea = await giteaServer();
    const { folder } = await (await gitea.createRepository("fleet")).workingCopy();
    expect([isRunning(gitea.pid), existsSync(folder)]).toEqual([true, true]);
    await gitea.stop();
    expect([isRunning(gitea.pid), existsSync(folder)]).toEqual([false, false]);
  });
});
