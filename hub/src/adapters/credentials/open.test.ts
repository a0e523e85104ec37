import { execFile } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect, promisify } from "node:util";
import { silentLog } from "@muster/shared/log.ts";
import { FakeClock } from "@muster/shared/testing/fake-clock.ts";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { credentialStoreContract } from "../../ports/credentials.contract.ts";
import type { CredentialStore } from "../../ports/credentials.ts";
import { NO_CREDENTIALS } from "../../ports/credentials.ts";
import { fakeCredentials } from "../../testing/fake-credentials.ts";
import { openMountedCredentials } from "./open.ts";
import { BOUND, type MountedDirectory, mountedDirectory } from "./testing/mount.ts";

const { signal } = new AbortController();
const use = { project: "storefront", url: "https://git.example.com/team/shop.git" };
const openStore = (directory: string | null) =>
  openMountedCredentials({
    directory,
    dispatcherOf: () => expect.unreachable("nothing here asks the network"),
    clock: new FakeClock(),
    log: silentLog,
  });

describe("mounted credentials", () =>
  credentialStoreContract(async () => {
    const mounted = await mountedDirectory();
    const store = openStore(mounted.directory);
    const text = (lines: readonly string[] | null, file: string) =>
      lines === null ? {} : { [file]: `# who\n\n${lines.join("\n")}\n` };
    return {
      store,
      put: (name, { token, urls, projects }) =>
        mounted.mount(name, { token: `${token}\n`, ...text(urls, "urls"), ...text(projects, "projects") }),
      close: mounted.close,
    };
  }));

describe("credentials in memory", () =>
  credentialStoreContract(async () => {
    const store = fakeCredentials();
    return {
      store,
      put: async (name, { token, urls, projects }) => {
        store.all.set(name, { credentials: { ...NO_CREDENTIALS, auth: { kind: "token", token } }, urls, projects });
      },
      close: async () => {},
    };
  }));

/** Made at run time, as everything secret here. */
async function sshKey(passphrase: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "muster-ssh-key-"));
  try {
    const file = join(folder, "key");
    await promisify(execFile)("ssh-keygen", ["-q", "-t", "ed25519", "-N", passphrase, "-C", "", "-f", file]);
    return await readFile(file, "utf8");
  } finally {
    await rm(folder, { recursive: true });
  }
}

const CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
const KEY = "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n";
const KNOWN_HOSTS = "git.example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI\n";

describe("what the files of a credential are", () => {
  let mounted: MountedDirectory;
  let store: CredentialStore;
  let openKey: string;
  let lockedKey: string;
  beforeAll(async () => {
    [openKey, lockedKey] = [await sshKey(""), await sshKey("a passphrase")];
  });
  beforeEach(async () => {
    mounted = await mountedDirectory();
    store = openStore(mounted.directory);
  });
  afterEach(() => mounted.close());

  const resolve = async (files: Record<string, string | Uint8Array>) => {
    await mounted.mount("forge", { ...BOUND, ...files });
    return store.resolve("forge", use, { signal });
  };

  it.each([
    ["a token", { token: "t0ken\n" }, { kind: "token", token: "t0ken" }],
    ["a token of a user", { token: "t0ken", username: "bot" }, { kind: "basic", username: "bot", password: "t0ken" }],
    [
      "user and password",
      { username: "ada\n", password: " a secret \r\n" },
      { kind: "basic", username: "ada", password: " a secret " },
    ],
    ["only a proxy", { proxy: "http://proxy.example.com:3128\n" }, { kind: "none" }],
  ])("understands %s", async (_, files, auth) => {
    expect((await resolve(files as Record<string, string>)).auth).toEqual(auth);
  });

  it.each(["sshPrivateKey", "ssh-privatekey", "identity"])("understands an SSH key in %s", async (file) => {
    const { auth } = await resolve({ [file]: openKey.trimEnd(), known_hosts: KNOWN_HOSTS });
    expect(auth).toEqual({ kind: "ssh", privateKey: openKey, knownHosts: KNOWN_HOSTS });
  });

  it("understands an authority, a client certificate and a proxy beside a token", async () => {
    const proxy = "http://ada:secret@proxy.example.com:3128";
    const files = { token: "t0ken", "ca.crt": CERTIFICATE, "tls.crt": CERTIFICATE, "tls.key": KEY, proxy };
    expect(await resolve(files)).toEqual({
      auth: { kind: "token", token: "t0ken" },
      tls: { ca: CERTIFICATE, client: { certificate: CERTIFICATE, key: KEY } },
      proxy,
    });
  });

  it.each<[string, () => Record<string, string | Uint8Array>, RegExp, RegExp]>([
    ["half a pair", () => ({ username: "ada" }), /"password" is missing/, /Add "password"/],
    ["the other half", () => ({ password: "secret" }), /"username" is missing/, /Add "username"/],
    ["two kinds", () => ({ token: "t", identity: openKey }), /more than one kind/, /for each kind/],
    ["token and password", () => ({ token: "t", username: "u", password: "p" }), /both/, /one of them/],
    ["an empty token", () => ({ token: "\n" }), /"token" is empty/, /"token"/],
    ["a token of two lines", () => ({ token: "one\ntwo" }), /"token" has a line break/, /one line/],
    ["bytes", () => ({ token: new Uint8Array([0xff, 0xfe]) }), /"token" is not UTF-8/, /^/],
    ["too much", () => ({ token: "x".repeat(1024 * 1024 + 1) }), /over 1 MiB/, /^/],
    ["nothing", () => ({}), /nothing that could be used/, /"token"; or "username"/],
    ["a misspelt file", () => ({ tokn: "t0ken" }), /nothing that could be used/, /"tokn" may be meant as "token"/],
    ["no known_hosts", () => ({ identity: openKey }), /known_hosts/, /ssh-keyscan git\.example\.com > known_hosts/],
    ["an empty known_hosts", () => ({ identity: openKey, known_hosts: "# none\n" }), /known_hosts/, /ssh-keyscan/],
    ["a locked key", () => ({ identity: lockedKey, known_hosts: KNOWN_HOSTS }), /passphrase/, /ssh-keygen .* -N ''/],
    [
      "a public key",
      () => ({ identity: "ssh-ed25519 AAAAC3 me", known_hosts: KNOWN_HOSTS }),
      /public key/,
      /ssh-keygen/,
    ],
    ["no key", () => ({ identity: "hello", known_hosts: KNOWN_HOSTS }), /not a private key/, /ssh-keygen/],
    ["half a client certificate", () => ({ "tls.crt": CERTIFICATE }), /"tls.key" is missing/, /tls\.key/],
    ["no certificate", () => ({ token: "t", "ca.crt": "MIIB" }), /"ca.crt" is not a certificate/, /PEM/],
    ["no proxy", () => ({ token: "t", proxy: "proxy.example.com:3128" }), /"proxy"/, /http:\/\/proxy/],
    ["half a GitHub App", () => ({ githubAppID: "1" }), /"githubAppInstallationID" is missing/, /^/],
    [
      "a pattern",
      () => ({ token: "t", urls: "https://*.example.com" }),
      /line 1 of its file "urls"/,
      /without patterns/,
    ],
    ["a bare host", () => ({ token: "t", urls: "# hosts\ngit.example.com" }), /line 2 of its file "urls"/, /scheme/],
    ["a Project's pattern", () => ({ token: "t", projects: "team-*" }), /line 1 of its file "projects"/, /\* for all/],
  ])("refuses %s and says what to do", async (_, files, message, fix) => {
    const error = await resolve(files()).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: "invalid", message: expect.stringMatching(message) });
    expect((error as { fix?: string }).fix ?? "").toMatch(fix);
  });

  it("names host and port in the way to make known_hosts", async () => {
    await mounted.mount("forge", { ...BOUND, urls: "ssh://git.example.com:2222/", identity: openKey });
    const there = { ...use, url: "ssh://git@git.example.com:2222/team/shop.git" };
    await expect(store.resolve("forge", there, { signal })).rejects.toMatchObject({
      fix: expect.stringContaining("ssh-keyscan -p 2222 git.example.com >"),
    });
  });

  it("shows nothing of a secret in any refusal", async () => {
    const canary = "canary-8c1f";
    const key = generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    const locked = key.replace("\n", `\n${canary}\n`).replaceAll("PRIVATE", "PUBLIC");
    const mounts: Record<string, string>[] = [
      { token: `${canary}\n${canary}` },
      { username: canary },
      { password: canary },
      { token: canary, password: canary },
      { identity: canary, known_hosts: canary },
      { identity: locked, known_hosts: canary },
      { identity: canary, token: canary },
      { token: canary, proxy: `${canary}:3128` },
      { token: canary, "ca.crt": canary },
      { "tls.crt": CERTIFICATE, "tls.key": canary },
      { githubAppID: canary, githubAppInstallationID: canary, githubAppPrivateKey: canary },
      {
        githubAppID: "1",
        githubAppInstallationID: "2",
        githubAppPrivateKey: `${KEY}${canary}`,
        githubAppBaseURL: canary,
      },
      { token: canary, urls: `https://ada:${canary}@*.example.com/` },
      { token: canary, urls: `https://ada:${canary}@other.example.com/` },
      { token: canary, projects: "payments" },
    ];
    for (const files of mounts) {
      const error = await resolve(files).catch((caught: unknown) => caught);
      expect(error).toMatchObject({ code: expect.stringMatching(/invalid|forbidden/) });
      expect(inspect(error, { depth: null, showHidden: true })).not.toContain(canary);
      await rm(join(mounted.directory, "forge"), { recursive: true });
    }
  });
});

describe("a directory of credentials", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "muster-credentials-"));
    await mkdir(join(folder, "forge"));
    for (const [file, text] of Object.entries({ ...BOUND, token: "t0ken" })) {
      await writeFile(join(folder, "forge", file), text);
    }
    await writeFile(join(folder, "a-file"), "");
  });
  afterAll(() => rm(folder, { recursive: true }));

  it("may hold plain files", async () => {
    expect((await openStore(folder).resolve("forge", use, { signal })).auth).toEqual({ kind: "token", token: "t0ken" });
  });

  it.each([
    ["that is not given", null, "forge"],
    ["that is not there", "/nowhere/at/all", "forge"],
    ["with a file in its place", undefined, "a-file"],
  ])("%s has none", async (_, directory, name) => {
    const store = openStore(directory === undefined ? folder : directory);
    await expect(store.resolve(name, use, { signal })).rejects.toMatchObject({ code: "not-found" });
  });
});
