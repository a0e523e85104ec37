import { createHash } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { CommitId } from "@muster/shared/model/ids.ts";
import { Agent } from "undici";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { NO_CREDENTIALS } from "../../ports/credentials.ts";
import { plainRemote } from "../../ports/git-source.ts";
import { createHttp, type Http } from "./http.ts";
import { readLfs } from "./lfs.ts";
import { openGit } from "./open.ts";
import { createSecretFiles } from "./secret-files.ts";
import { localRemote } from "./testing/local-remote.ts";

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
const pointerTo = (text: string): string =>
  `version https://git-lfs.github.com/spec/v1\noid sha256:${sha256(text)}\nsize ${Buffer.byteLength(text)}\n`;
const policy = { resolve: async (host: string) => [host] };
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "muster-lfs-"));
});
afterEach(() => rm(folder, { recursive: true }));

describe("a tree with LFS", () => {
  it("gives sizes and contents of the files behind pointers", async () => {
    const remote = await localRemote(join(folder, "fleet"));
    const commit = await remote.commit("main", { "a.yaml": "plain", "logo.svg": pointerTo("a big picture") }, "First");
    const oid = sha256("a big picture");
    const place = join(folder, "fleet", "lfs", "objects", oid.slice(0, 2), oid.slice(2, 4));
    await mkdir(place, { recursive: true });
    await writeFile(join(place, oid), "a big picture");
    const { git } = await openGit({ engine: "isomorphic", directory: join(folder, "mirrors") });
    try {
      const at = { ...plainRemote(pathToFileURL(join(folder, "fleet")).href), lfs: true };
      await git.fetch(at, {
        wanted: [{ ref: { branch: "main" }, knownHead: null }],
        signal: AbortSignal.timeout(9_000),
      });
      const tree = git.treeAt(at, commit as CommitId);
      const files = await tree.walk("", { filesMax: 9 });
      expect(files.map(({ path, bytes }) => [path, bytes])).toEqual([
        ["a.yaml", 5],
        ["logo.svg", 13],
      ]);
      const oids = files.map((file) => file.oid);
      const texts = (await tree.read(oids, { bytesMax: 18 })).map((bytes) => Buffer.from(bytes).toString());
      expect(texts).toEqual(["plain", "a big picture"]);
      await expect(tree.read(oids, { bytesMax: 17 })).rejects.toMatchObject({ code: "too-large" });
    } finally {
      await git.close();
    }
  });
});

describe("an LFS server", () => {
  const asked: { url: string; authorization: string | undefined }[] = [];
  let answer: (request: IncomingMessage, body: string) => { status: number; body: string; location?: string };
  let server: Server;
  let http: Http;
  let url: string;
  beforeEach(async () => {
    asked.length = 0;
    server = createServer(async (request, response) => {
      asked.push({ url: request.url ?? "", authorization: request.headers.authorization });
      let body = "";
      for await (const chunk of request) body += chunk;
      const { status, body: text, location } = answer(request, body);
      response.writeHead(status, location === undefined ? {} : { location }).end(text);
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    http = createHttp(() => new Agent());
  });
  afterEach(async () => {
    await http.close();
    server.closeAllConnections();
    server.close();
  });

  const pointer = { oid: sha256("contents"), bytes: 8 };
  const read = (wanted = [pointer]) => {
    const credentials = { ...NO_CREDENTIALS, auth: { kind: "token" as const, token: "secret" } };
    return readLfs(
      { http, policy, secrets: createSecretFiles(join(folder, "secrets")) },
      plainRemote(`${url}/fleet`, "x", credentials),
      join(folder, "lfs"),
      wanted,
    );
  };
  const batch = (href: string, header = {}): string =>
    JSON.stringify({ objects: [{ oid: pointer.oid, size: 8, actions: { download: { href, header } } }] });

  it("is asked for what is missing, once, with the credentials of the repository", async () => {
    answer = ({ url: path }, body) => {
      if (path !== "/fleet.git/info/lfs/objects/batch") return { status: 200, body: "contents" };
      expect(JSON.parse(body)).toMatchObject({ operation: "download", objects: [{ oid: pointer.oid, size: 8 }] });
      return { status: 200, body: batch(`${url}/store/1`, { Authorization: "Bearer of the store" }) };
    };
    const [bytes] = await read();
    expect(Buffer.from(bytes ?? []).toString()).toBe("contents");
    await read();
    expect(asked.map(({ url: path }) => path)).toEqual(["/fleet.git/info/lfs/objects/batch", "/store/1"]);
    expect(asked[0]?.authorization).toMatch(/^Basic /);
    expect(asked[1]?.authorization).toBe("Bearer of the store");
  });

  it("takes no credentials along to another host", async () => {
    const elsewhere = url.replace("127.0.0.1", "localhost");
    answer = ({ url: path }) => {
      if (path?.endsWith("/batch")) return { status: 200, body: batch(`${url}/store/1`) };
      return path === "/store/1"
        ? { status: 302, body: "", location: `${elsewhere}/store/2` }
        : { status: 200, body: "contents" };
    };
    await read();
    expect(asked.at(-1)).toEqual({ url: "/store/2", authorization: undefined });
  });

  it.each([
    ["other contents", () => "contenta", /is not what its pointer says/],
    ["too much", () => "contents and more", /sends too much/],
  ])("that sends %s is not believed", async (_, body, message) => {
    answer = ({ url: path }) => ({ status: 200, body: path?.endsWith("/batch") ? batch(`${url}/1`) : body() });
    await expect(read()).rejects.toThrow(message);
  });

  it.each([
    [404, "", /does not offer Git LFS/],
    [200, "<html>", /does not offer Git LFS/],
    [401, "", /refused the credentials/],
    [
      200,
      JSON.stringify({ objects: [{ oid: pointer.oid, error: { code: 404, message: "no" } }] }),
      /is not at the server/,
    ],
  ])("that answers %i %s is told of as what it is", async (status, body, message) => {
    answer = () => ({ status, body });
    await expect(read()).rejects.toThrow(message);
  });
});
