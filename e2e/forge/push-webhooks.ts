import { randomUUID } from "node:crypto";
import type { Webhook } from "./forge.ts";
import { isolatedGitEnvironment, runGit } from "./git-command.ts";
import { webhookSignature } from "./webhook-receiver.ts";

export type References = ReadonlyMap<string, string>;

export interface PushedReference {
  readonly ref: string;
  readonly before: string;
  readonly after: string;
}

/** What became of one delivery; a webhook that nobody takes is no error of the push. */
export interface WebhookDelivery {
  readonly url: string;
  readonly ref: string;
  readonly outcome: { readonly status: number } | { readonly error: string };
}

const nobody = "0".repeat(40);

export async function readReferences(repository: string): Promise<References> {
  const env = isolatedGitEnvironment(repository);
  const lines = await runGit(["for-each-ref", "--format=%(refname) %(objectname)"], { cwd: repository, env });
  return new Map(lines.split("\n").flatMap((line) => (line ? [line.split(" ") as [string, string]] : [])));
}

export function changedReferences(before: References, after: References): PushedReference[] {
  return [...new Set([...before.keys(), ...after.keys()])]
    .map((ref) => ({ ref, before: before.get(ref) ?? nobody, after: after.get(ref) ?? nobody }))
    .filter((reference) => reference.before !== reference.after);
}

/** One event in the shape that GitHub gave push webhooks and other forges took over. */
export async function deliverPush(
  webhook: Webhook,
  pushed: PushedReference,
  repository: { name: string; cloneUrl: string },
): Promise<WebhookDelivery> {
  const body = JSON.stringify({
    ...pushed,
    created: pushed.before === nobody,
    deleted: pushed.after === nobody,
    repository: {
      name: repository.name,
      full_name: repository.name,
      clone_url: repository.cloneUrl,
      html_url: repository.cloneUrl.replace(/\.git$/, ""),
      default_branch: "main",
    },
    pusher: { name: "Test Author", email: "author@example.com" },
  });
  const headers = {
    "content-type": "application/json",
    "x-github-event": "push",
    "x-github-delivery": randomUUID(),
    "x-hub-signature-256": webhookSignature(webhook.secret, body),
  };
  const about = { url: webhook.url, ref: pushed.ref };
  try {
    const signal = AbortSignal.timeout(10_000);
    const answer = await fetch(webhook.url, { method: "POST", headers, body, signal });
    await answer.body?.cancel();
    return { ...about, outcome: { status: answer.status } };
  } catch (error) {
    return { ...about, outcome: { error: (error as Error).message } };
  }
}
