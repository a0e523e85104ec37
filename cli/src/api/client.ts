import { withDeadline } from "@muster/shared/deadline.ts";
import createClient, { type Client } from "openapi-fetch";
import { Agent, fetch, Request } from "undici";
import type { HubAddress } from "../connection/hub-address.ts";
import { EXIT, Failure } from "../failure.ts";
import type { components, paths } from "./generated/hub-api.ts";
import { problemFailure, unreachableFailure } from "./problem-failure.ts";

export type Schemas = components["schemas"];

/** The hub's REST API, typed by its own OpenAPI document, and the one thing that is no plain call: its events. */
export interface HubClient {
  readonly url: string;
  readonly api: Client<paths, "application/json">;
  /**
   * Yields at once, and again whenever the status may have changed; connects again after a cut, for as long as
   * `signal` allows. `onCut` hears why it was cut.
   */
  changes(opts: { signal: AbortSignal; onCut: (reason: string) => void }): AsyncIterable<void>;
  close(): Promise<void>;
}

const CALL_TIMEOUT_MS = 30_000;
const RECONNECT_MS = 1_000;

/** `signal` ends every call that is under way. */
export function createHubClient(hub: HubAddress, opts: { signal?: AbortSignal } = {}): HubClient {
  const dispatcher = new Agent({ connect: { timeout: 10_000, ...(hub.ca === null ? {} : { ca: hub.ca }) } });
  const headers = { authorization: `Bearer ${hub.token}` };
  const api = createClient<paths, "application/json">({
    baseUrl: hub.url,
    headers,
    Request: Request as unknown as typeof globalThis.Request,
    fetch: (async (request: Request) => {
      try {
        return await fetch(request, { dispatcher, signal: withDeadline(CALL_TIMEOUT_MS, opts.signal) });
      } catch (error) {
        throw unreachableFailure(hub.url, error);
      }
    }) as unknown as (request: globalThis.Request) => Promise<Response>,
  });

  return {
    url: hub.url,
    api,
    async *changes({ signal, onCut }) {
      while (!signal.aborted) {
        try {
          yield* eventsOnce(`${hub.url}/v1/events`, { dispatcher, headers, signal });
        } catch (error) {
          if (signal.aborted) return;
          const failure = error instanceof Failure ? error : unreachableFailure(hub.url, error);
          if (failure.exitCode !== EXIT.unreachable) throw failure;
          onCut(failure.message);
        }
        await pause(RECONNECT_MS, signal);
      }
    },
    close: () => dispatcher.close(),
  };
}

async function* eventsOnce(
  url: string,
  { dispatcher, headers, signal }: { dispatcher: Agent; headers: Record<string, string>; signal: AbortSignal },
): AsyncGenerator<void> {
  const response = await fetch(url, { dispatcher, headers, signal });
  if (!response.ok) throw problemFailure(response.status, await response.json().catch(() => null));
  if (response.body === null) return;
  let buffer = "";
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    buffer += chunk;
    // Several changes that arrived together are one reason to look.
    const end = buffer.lastIndexOf("\n\n");
    if (end < 0) continue;
    const isChange = /^event: changed$/m.test(buffer.slice(0, end));
    buffer = buffer.slice(end + 2);
    if (isChange) yield;
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const timer = setTimeout(resolve, ms);
    signal.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}

/** The data of an answer. @throws Failure that says what the hub refused, and the exit code of it. */
export async function answered<T>(
  call: Promise<{ data?: T; error?: unknown; response: Response }>,
): Promise<NonNullable<T>> {
  const { data, error, response } = await call;
  if (!response.ok) throw problemFailure(response.status, error);
  return data as NonNullable<T>;
}
