import type { WorkingCopy } from "./working-copy.ts";

export type ForgeKind = "git-http" | "gitea";

/** A real Git server for tests. One contract suite (`forge.contract.ts`) holds for all. */
export interface Forge {
  readonly kind: ForgeKind;
  /** Without a slash at the end. */
  readonly url: string;
  /** To trust, where it serves TLS with a certificate of its own. */
  readonly caPem: string | undefined;
  /** Undefined where anybody may read and write. */
  readonly credentials: ForgeCredentials | undefined;
  /** An empty repository; its default branch is `main`. */
  createRepository(name: string, options?: { private?: boolean }): Promise<ForgeRepository>;
  /** Stops it and removes its repositories and their working copies. Safe to repeat. */
  stop(): Promise<void>;
}

export interface ForgeCredentials {
  readonly username: string;
  readonly password: string;
}

export interface ForgeRepository {
  readonly name: string;
  /** For `git clone`; holds no credentials. */
  readonly url: string;
  readonly credentials: ForgeCredentials | undefined;
  readonly caPem: string | undefined;
  /** POSTs to `url` after each push, signed with the secret in `X-Hub-Signature-256`. */
  addWebhook(webhook: Webhook): Promise<void>;
  /** Changes it as a person would: in a clone, with the real git, over the network. */
  workingCopy(): Promise<WorkingCopy>;
  /** What a branch points at on the server, past anything between; undefined when there is none. */
  branchCommit(branch?: string): Promise<string | undefined>;
  delete(): Promise<void>;
}

export interface Webhook {
  readonly url: string;
  readonly secret: string;
}
