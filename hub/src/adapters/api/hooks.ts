import { AppError } from "@muster/shared/errors.ts";
import type { HubCommands } from "../../ports/hub-commands.ts";
import { createDeliveryMemory } from "./delivery-memory.ts";
import { SIGNATURE_AGE_MS_MAX, verifyHook } from "./hook-signatures.ts";
import { type Api, noContent, scopedParams } from "./routes.ts";

const HOOK_BYTES_MAX = 1024 * 1024;
const HOOKS_PER_MINUTE_MAX = 600;
/** As long as a signature with a time in it is taken, in either direction. */
const DELIVERIES = { keepMs: 2 * SIGNATURE_AGE_MS_MAX, lengthMax: 10_000 } as const;

/**
 * Webhooks of Git hosts. A call wakes one Source's poll and says nothing else: its body is read for the signature and
 * dropped, so nobody who guesses the secret can do more than cause a fetch.
 */
export async function addHookRoutes(
  parent: Api,
  options: {
    readonly commands: HubCommands;
    /** Shared with Git hosts, one on each line: an old and a new one while it is exchanged. Null refuses every call. */
    readonly webhookSecret: string | null;
    /** Milliseconds since the epoch. */
    readonly now: () => number;
  },
): Promise<void> {
  const { commands, now } = options;
  const secrets = (options.webhookSecret ?? "").split(/\r?\n/).flatMap((line) => line.trim() || []);
  const deliveries = createDeliveryMemory(DELIVERIES);
  await parent.register(async (scope) => {
    const api = scope as unknown as Api;
    api.removeAllContentTypeParsers();
    api.addContentTypeParser("*", { parseAs: "buffer", bodyLimit: HOOK_BYTES_MAX }, (_request, body, done) =>
      done(null, body),
    );
    api.post(
      "/hooks/:project/:name",
      {
        bodyLimit: HOOK_BYTES_MAX,
        config: { rateLimit: { max: HOOKS_PER_MINUTE_MAX, timeWindow: "1 minute" } },
        schema: {
          operationId: "receiveHook",
          tags: ["hooks"],
          summary:
            "Wake a Source's poll; signed as GitHub, GitLab, Gitea, Forgejo, Bitbucket or Standard Webhooks do it",
          security: [],
          params: scopedParams,
          response: { 202: noContent },
        },
      },
      async (request, reply) => {
        const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
        const verdict = verifyHook({ headers: request.headers, body }, secrets, now());
        if (verdict.kind !== "signed") throw refusal(verdict.kind);
        const { project, name } = request.params;
        const delivery = verdict.delivery === null ? null : `${project}/${name} ${verdict.delivery}`;
        if (delivery !== null && deliveries.has(delivery, now())) return reply.code(202).send();
        await commands.wakeSource({ project, name });
        if (delivery !== null) deliveries.remember(delivery, now());
        return reply.code(202).send();
      },
    );
  });
}

const refusal = (kind: "forged" | "stale"): AppError =>
  kind === "stale"
    ? new AppError("unauthenticated", "This call was signed more than five minutes ago, or in the future.", {
        fix: "If it was just sent, set the clocks of the sender and of the hub.",
      })
    : new AppError("unauthenticated", "The signature of this call does not match.", {
        fix: "Give the Git host the secret that the hub has in --webhook-secret-file.",
      });
