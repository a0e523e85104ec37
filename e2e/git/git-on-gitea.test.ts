import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { openGit } from "@muster/hub/adapters/git/open.ts";
import { type Credentials, NO_CREDENTIALS } from "@muster/hub/ports/credentials.ts";
import { type GitRemote, plainRemote } from "@muster/hub/ports/git-source.ts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { basicAuthorization } from "../forge/git-command.ts";
import { giteaAvailability } from "../forge/gitea-availability.ts";
import { type GiteaServer, giteaServer } from "../forge/gitea-server.ts";

const availability = await giteaAvailability();
const run = promisify(execFile);

describe.skipIf(!availability.ok)("private repositories on Gitea with submodules and LFS", () => {
  const picture = "a picture that is too big for Git";
  let folder: string;
  let gitea: GiteaServer;
  let byKey: Credentials;
  let byPassword: Credentials;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "muster-gitea-"));
    gitea = await giteaServer({ ssh: true });
    const key = join(folder, "key");
    await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", key]);
    await gitea.api("POST", "/user/keys", { title: "hub", key: await readFile(`${key}.pub`, "utf8") });
    const { stdout: knownHosts } = await run("ssh-keyscan", ["-p", new URL(gitea.sshUrl ?? "").port, "127.0.0.1"]);
    const privateKey = await readFile(key, "utf8");
    byKey = { ...NO_CREDENTIALS, auth: { kind: "ssh", privateKey, knownHosts } };
    byPassword = { ...NO_CREDENTIALS, auth: { kind: "basic", ...gitea.credentials } };

    const library = await (await gitea.createRepository("library")).workingCopy();
    const inner = await library.commitAndPush({ "library.yaml": "kind: ConfigMap" }, "Library");
    const fleet = await (await gitea.createRepository("fleet")).workingCopy();
    const oid = await upload(picture);
    await fleet.commit(
      {
        ".gitmodules": '[submodule "library"]\n\tpath = vendor/library\n\turl = ../library.git\n',
        "logo.svg": `version https://git-lfs.github.com/spec/v1\noid sha256:${oid}\nsize ${picture.length}\n`,
      },
      "Fleet",
    );
    await fleet.git("update-index", "--add", "--cacheinfo", `160000,${inner},vendor/library`);
    await fleet.git("commit", "--quiet", "--message=Add the library");
    await fleet.push();
  }, 240_000);
  afterAll(async () => {
    await gitea?.stop();
    await rm(folder, { recursive: true });
  }, 60_000);

  /** As `git lfs push` does it. */
  async function upload(text: string): Promise<string> {
    const oid = createHash("sha256").update(text).digest("hex");
    const type = "application/vnd.git-lfs+json";
    const authorization = basicAuthorization(gitea.credentials);
    const answer = await fetch(`${gitea.url}/muster/fleet.git/info/lfs/objects/batch`, {
      method: "POST",
      headers: { authorization, accept: type, "content-type": type },
      body: JSON.stringify({ operation: "upload", transfers: ["basic"], objects: [{ oid, size: text.length }] }),
    });
    const { objects } = (await answer.json()) as {
      objects: { actions: { upload: { href: string; header: Record<string, string> } } }[];
    };
    const action = objects[0]?.actions.upload;
    if (action === undefined) throw new Error("Gitea takes no LFS file");
    const headers = {
      authorization: action.header.Authorization ?? authorization,
      "content-type": "application/octet-stream",
    };
    const { status } = await fetch(action.href, { method: "PUT", headers, body: text });
    expect(status).toBe(200);
    return oid;
  }

  it.each([
    ["native", "HTTP", () => plainRemote(`${gitea.url}/muster/fleet.git`, "http", byPassword)],
    ["native", "SSH", () => plainRemote(`${gitea.sshUrl}/muster/fleet.git`, "ssh", byKey)],
    ["isomorphic", "HTTP", () => plainRemote(`${gitea.url}/muster/fleet.git`, "http", byPassword)],
  ] as const)("are read by the %s engine over %s", async (engine, transport, plain) => {
    const { git } = await openGit({ engine, directory: join(folder, `${engine}-${transport}`) });
    try {
      const { scope, credentials } = plain();
      const remote: GitRemote = { ...plain(), lfs: true, submodules: async () => ({ scope, credentials }) };
      const wanted = [{ ref: { branch: "main" }, knownHead: null }];
      const [result] = await git.fetch(remote, { wanted, signal: AbortSignal.timeout(60_000) });
      if (result?.kind !== "found") throw new Error(JSON.stringify(result));
      const tree = git.treeAt(remote, result.commit.id);
      const files = await tree.walk("", { filesMax: 10 });
      expect(files.map(({ path, bytes }) => [path, bytes])).toEqual([
        [".gitmodules", expect.any(Number)],
        ["logo.svg", picture.length],
        ["vendor/library/library.yaml", 15],
      ]);
      const oids = files.slice(1).map(({ oid }) => oid);
      const texts = (await tree.read(oids, { bytesMax: 1_000 })).map((bytes) => Buffer.from(bytes).toString());
      expect(texts).toEqual([picture, "kind: ConfigMap"]);
    } finally {
      await git.close();
    }
  });
});
