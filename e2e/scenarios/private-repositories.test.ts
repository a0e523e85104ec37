import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { describeFleet } from "../fleet/describe-fleet.ts";
import { eventually } from "../fleet/eventually.ts";
import type { Fleet } from "../fleet/fleet.ts";
import { appDefinition, configMap, sourceDefinition } from "../fleet/manifests.ts";
import { giteaAvailability } from "../forge/gitea-availability.ts";
import { type GiteaServer, giteaServer } from "../forge/gitea-server.ts";
import { type TlsFront, tlsFront } from "../forge/tls-front.ts";

const availability = await giteaAvailability();
const run = promisify(execFile);

await describeFleet(
  "private repositories on Gitea",
  { sharedFleet: false, clusters: 1 },
  ({ ownFleet, controlPlane }) => {
    describe.skipIf(!availability.ok)("are followed", () => {
      let folder: string;
      let gitea: GiteaServer;
      let front: TlsFront;
      let fleet: Fleet;

      const mount = (name: string, files: Readonly<Record<string, string>>): void => {
        mkdirSync(join(folder, "credentials", name), { recursive: true });
        for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, "credentials", name, file), text);
      };

      beforeAll(async () => {
        folder = mkdtempSync(join(tmpdir(), "muster-private-"));
        gitea = await giteaServer({ ssh: true });
        front = await tlsFront(gitea.url);
        const { username, password } = gitea.credentials;
        mount("by-https", {
          username,
          password,
          "ca.crt": front.caPem,
          urls: `${front.url}/muster/\n`,
          projects: "*\n",
        });
        const key = join(folder, "key");
        await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", key]);
        await gitea.api("POST", "/user/keys", { title: "hub", key: readFileSync(`${key}.pub`, "utf8") });
        const { port } = new URL(gitea.sshUrl ?? "");
        const { stdout: knownHosts } = await run("ssh-keyscan", ["-p", port, "127.0.0.1"]);
        mount("by-ssh", {
          "ssh-privatekey": readFileSync(key, "utf8"),
          known_hosts: knownHosts,
          urls: `${gitea.sshUrl}/muster/\n`,
          projects: "default\n",
        });
        const flags = ["--credentials-dir", join(folder, "credentials"), "--git-engine", "native"];
        fleet = await ownFleet({ forge: gitea, hub: { flags } });
      }, 240_000);
      afterAll(async () => {
        await front?.close();
        await gitea?.stop();
        if (folder !== undefined) rmSync(folder, { recursive: true });
      }, 60_000);

      test.each([
        ["HTTPS, with a certificate that the credential trusts", "by-https", () => `${front.url}/muster`],
        ["SSH, with a key and its known host", "by-ssh", () => `${gitea.sshUrl}/muster`],
      ])("over %s, from a push to a running object", async (_, credentials, base) => {
        const name = `${credentials}-${randomBytes(2).toString("hex")}`;
        const [cluster] = controlPlane().clusters;
        if (cluster === undefined) throw new Error("there is no cluster");
        await cluster.request("POST", "/api/v1/namespaces", { body: { metadata: { name } } });
        const repository = await gitea.createRepository(name);
        const copy = await repository.workingCopy();
        const push = (step: string) =>
          copy.commitAndPush({ "apps/shop/settings.yaml": configMap("settings", { step }) }, `Step ${step}`);
        const first = await push("1");
        const source = sourceDefinition(name, `${base()}/${name}.git`, { credentials, poll: "1s" });
        await fleet.hub.api.apply(source, appDefinition(name, { source: name, path: "apps/shop", namespace: name }));

        const running = (step: string, commit: string) =>
          eventually(async () => {
            const answer = await cluster.request("GET", `/api/v1/namespaces/${name}/configmaps/settings`);
            expect(answer.json.data).toEqual({ step });
            expect((await fleet.hub.api.source(name)).revision?.commit).toBe(commit);
          });
        await running("1", first);
        await running("2", await push("2"));
        expect((await fleet.hub.api.source(name)).problems).toEqual([]);
      });

      test("are not there without their credential", async () => {
        const name = `without-${randomBytes(2).toString("hex")}`;
        await (await (await gitea.createRepository(name)).workingCopy()).commitAndPush({ a: "1" }, "Begin");
        await fleet.hub.api.apply(sourceDefinition(name, `${gitea.url}/muster/${name}.git`));
        await eventually(async () => {
          const { revision, problems } = await fleet.hub.api.source(name);
          expect(revision).toBeNull();
          expect(problems[0]?.code).toBe("CredentialsRefused");
        });
      });
    });
  },
);
