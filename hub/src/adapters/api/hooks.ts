import { createHmac, timingSafeEqual } from "node:crypto";
import { AppError } from "@muster/shared/errors.ts";
import type { FastifyRequest } from "fastify";
import type { HubCommands } from "../../ports/hub-commands.ts";
import { type Api, noContent, scopedParams } from "./routes.ts";

const HOOK_BYTES_MAX = 1024 * 1024;
const HOOKS_PER_MINUTE_MAX = 600;

/**
 * Webhooks of Git hosts. A call wakes one Source's poll and says nothing else: its body is read for the signature and
 * dropped, so nobody who guesses the secret can do more than cause a fetch.
 */
export async function addHookRoutes(
  parent: Api,
  { commands, webhookSecret }: { commands: HubCommands; webhookSecret: string | null },
): Promise<void> {
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
          summary: "Wake a Source's poll; signed with X-Hub-Signature-256 over the raw body",
          security: [],
          params: scopedParams,
          response: { 202: noContent },
        },
      },
      async (request, reply) => {
        if (!isSigned(request, webhookSecret)) {
          throw new AppError("unauthenticated", "The signature of this call does not match.");
        }
        await commands.wakeSource(request.params);
        return reply.code(202).send();
      },
    );
  });
}

function isSigned(request: FastifyRequest, secret: string | null): boolean {
  const header = request.headers["x-hub-signature-256"];
  const presented = Buffer.from(typeof header === "string" ? header : "");
  const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
  // Without a secret the work is done all the same, so that its absence cannot be measured.
  const expected = Buffer.from(
    `sha256=${createHmac("sha256", secret ?? "unset")
      .update(body)
      .digest("hex")}`,
  );
  const isEqual = presented.length === expected.length && timingSafeEqual(presented, expected);
  return secret !== null && secret !== "" && isEqual;
}
