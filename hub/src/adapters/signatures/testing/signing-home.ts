import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const TOOLS: Readonly<Record<string, string>> = { git: "--version", gpg: "--version", "ssh-keygen": "-?" };

/** The tools of `TOOLS` that this machine lacks. */
export const missingTools = (): string[] =>
  Object.entries(TOOLS).flatMap(([tool, argument]) => {
    try {
      execFileSync(tool, [argument], { stdio: "ignore" });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return [tool];
    }
    return [];
  });

/** A home folder with keys of its own, a repository, and a mounted directory of signer sets. */
export class SigningHome {
  // Short: gpg-agent's socket is in it, and a socket's path has room for some hundred characters.
  readonly folder = mkdtempSync(join(tmpdir(), "muster-sign-"));
  readonly signers = join(this.folder, "signers");
  readonly #env: NodeJS.ProcessEnv;
  #keys = 0;

  constructor() {
    const gnupg = join(this.folder, "gnupg");
    mkdirSync(gnupg, { mode: 0o700 });
    this.#env = {
      PATH: process.env.PATH,
      HOME: this.folder,
      GNUPGHOME: gnupg,
      GIT_CONFIG_NOSYSTEM: "1",
      GIT_AUTHOR_NAME: "Ada",
      GIT_AUTHOR_EMAIL: "ada@example.com",
      GIT_COMMITTER_NAME: "Ada",
      GIT_COMMITTER_EMAIL: "ada@example.com",
    };
    this.git(["init", "--quiet", "--initial-branch=main", "."]);
  }

  /** Ends gpg's daemon of this home, and removes everything. */
  close(): void {
    this.run("gpgconf", ["--kill", "all"]);
    rmSync(this.folder, { recursive: true, force: true });
  }

  run(
    program: string,
    args: readonly string[],
    opts: { input?: string | Uint8Array; env?: NodeJS.ProcessEnv } = {},
  ): Buffer {
    return execFileSync(program, args, {
      cwd: this.folder,
      env: { ...this.#env, ...opts.env },
      stdio: ["pipe", "pipe", "pipe"],
      ...(opts.input === undefined ? {} : { input: opts.input }),
    });
  }

  git(args: readonly string[], env: NodeJS.ProcessEnv = {}): string {
    return this.run("git", args, { env }).toString().trim();
  }

  /** gpg without questions. `at`: what it takes for now, `20250101T000000`. */
  gpg(args: readonly string[], opts: { input?: string | Uint8Array; at?: string } = {}): Buffer {
    const time = opts.at === undefined ? [] : ["--faked-system-time", `${opts.at}!`];
    return this.run(
      "gpg",
      ["--batch", "--yes", "--quiet", "--no-tty", "--pinentry-mode", "loopback", "--passphrase", "", ...time, ...args],
      opts.input === undefined ? {} : { input: opts.input },
    );
  }

  /** A new GPG key; its fingerprint. */
  gpgKey(user: string, opts: { algorithm?: string; expires?: string; at?: string } = {}): string {
    this.gpg(["--quick-generate-key", user, opts.algorithm ?? "ed25519", "sign", opts.expires ?? "never"], {
      ...(opts.at === undefined ? {} : { at: opts.at }),
    });
    const listed = this.gpg(["--with-colons", "--list-keys", `=${user}`]).toString();
    return /^fpr:+([0-9A-F]{40}):/m.exec(listed)?.[1] as string;
  }

  /** A new SSH key; the path of its private half, beside which `.pub` lies. */
  sshKey(type = "ed25519", bits?: number): string {
    this.#keys += 1;
    const path = join(this.folder, `id_${this.#keys}`);
    const size = bits === undefined ? [] : ["-b", String(bits)];
    this.run("ssh-keygen", ["-q", "-t", type, ...size, "-N", "", "-C", "", "-f", path]);
    return path;
  }

  publicKey(path: string): string {
    return readFileSync(`${path}.pub`, "utf8").trim();
  }

  /** Mounts a signer set: file names → contents. */
  mount(set: string, files: Readonly<Record<string, string | Uint8Array>>): void {
    mkdirSync(join(this.signers, set), { recursive: true });
    for (const [name, content] of Object.entries(files)) writeFileSync(join(this.signers, set, name), content);
  }

  /** A commit that Git itself made and signed; as `git cat-file commit` gives it. */
  commit(key: string | null, opts: { message?: string; date?: string } = {}): Buffer {
    const date = opts.date === undefined ? {} : { GIT_COMMITTER_DATE: opts.date, GIT_AUTHOR_DATE: opts.date };
    const message = opts.message ?? "Raise the timeout";
    const sign = key === null ? ["--no-gpg-sign"] : [`--gpg-sign=${key}`];
    this.git([...formatFor(key), "commit", "--quiet", "--allow-empty", "-m", message, ...sign], date);
    return this.run("git", ["cat-file", "commit", "HEAD"]);
  }

  /** An annotated tag on HEAD, signed unless `key` is null; as `git cat-file tag` gives it. */
  tag(name: string, key: string | null): { object: Buffer; target: string } {
    const sign = key === null ? ["--annotate"] : [`--local-user=${key}`];
    this.git([...formatFor(key), "tag", ...sign, "-m", `Release ${name}`, name]);
    return { object: this.run("git", ["cat-file", "tag", name]), target: this.git(["rev-parse", "HEAD"]) };
  }
}

const formatFor = (key: string | null): string[] =>
  key?.startsWith("/") ? ["-c", "gpg.format=ssh"] : ["-c", "gpg.format=openpgp"];

/** A commit of this payload that carries this armored signature, as Git writes it. */
export function withSignature(payload: string | Uint8Array, armored: string, header = "gpgsig"): Buffer {
  const text = Buffer.from(payload as Uint8Array).toString("latin1");
  const end = text.indexOf("\n\n") + 1;
  const folded = armored.trimEnd().replaceAll("\n", "\n ");
  return Buffer.from(`${text.slice(0, end)}${header} ${folded}\n${text.slice(end)}`, "latin1");
}

/** An unsigned commit, for signatures that Git would not make. */
export const plainCommit = (seconds = 1_760_000_000): string =>
  [
    `tree ${"a".repeat(40)}`,
    `author Ada <ada@example.com> ${seconds} +0200`,
    `committer Ada <ada@example.com> ${seconds} +0200`,
    "",
    "Raise the timeout\n",
  ].join("\n");
