import { Readable } from "node:stream";
import { AppError } from "@muster/shared/errors.ts";
import { z } from "zod";
import { statusView } from "../../core/views.ts";
import type { Api, RouteContext } from "./routes.ts";

const EVENT_STREAMS_MAX = 100;
const KEEP_ALIVE_MS = 15_000;
/** A stream lives as long as its reader: fastify's own limit for an answer is set to the longest a timer can hold. */
const STREAM_TIMEOUT_MS = 2 ** 31 - 1;

export function addStatusRoutes(api: Api, context: RouteContext): void {
  const tags = ["status"];
  api.get(
    "/v1/status",
    {
      schema: {
        operationId: "getStatus",
        tags,
        summary: "The whole fleet at a glance",
        response: { 200: statusView },
      },
    },
    () => context.queries.status(),
  );

  let streamsOpen = 0;
  api.get(
    "/v1/events",
    {
      handlerTimeout: STREAM_TIMEOUT_MS,
      schema: {
        operationId: "watchEvents",
        tags,
        summary: "Server-sent: `changed` whenever /v1/status would answer something new",
        description: "Read /v1/status after each `changed`, the first of which comes at once. Comments keep it alive.",
        response: {
          200: { description: "a stream of events", content: { "text/event-stream": { schema: z.string() } } },
        },
      },
    },
    async (request, reply) => {
      if (streamsOpen >= EVENT_STREAMS_MAX) {
        throw new AppError("unavailable", `The hub already serves ${EVENT_STREAMS_MAX} event streams.`);
      }
      const gone = new AbortController();
      request.raw.once("close", () => gone.abort());
      const signal = AbortSignal.any([gone.signal, context.closing]);
      streamsOpen += 1;
      const stream = Readable.from(changes(context, signal), { objectMode: false, highWaterMark: 1_024 });
      stream.once("close", () => {
        streamsOpen -= 1;
        gone.abort();
      });
      reply.header("content-type", "text/event-stream").header("cache-control", "no-store");
      return reply.send(stream as unknown as string);
    },
  );
}

async function* changes({ queries }: RouteContext, signal: AbortSignal): AsyncGenerator<string> {
  // The next change is awaited before this one is told: what happens while the reader fetches is told again.
  let next = queries.changed(signal);
  yield "retry: 1000\nevent: changed\ndata: {}\n\n";
  while (!signal.aborted) {
    if (await happensWithin(next, KEEP_ALIVE_MS, signal)) {
      if (signal.aborted) return;
      next = queries.changed(signal);
      yield "event: changed\ndata: {}\n\n";
    } else {
      yield ": still here\n\n";
    }
  }
}

function happensWithin(event: Promise<void>, timeoutMs: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => settle(false), timeoutMs);
    const settle = (happened: boolean) => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      resolve(happened);
    };
    const onAbort = () => settle(false);
    signal.addEventListener("abort", onAbort, { once: true });
    event.then(
      () => settle(true),
      () => settle(false),
    );
  });
}
