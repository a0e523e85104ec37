import { AppError, type ErrorCode, messageOf } from "@muster/shared/errors.ts";
import { type EnrolmentAnswer, enrolmentAnswer } from "@muster/shared/model/joining.ts";
import { Agent, request } from "undici";
import { z } from "zod";
import type { HubEnrolment } from "../../ports/joining.ts";

const TIMEOUT_MS = 20_000;
const ANSWER_BYTES_MAX = 512 * 1024;

/** RFC 9457, as far as it is needed. */
const problem = z.object({
  code: z.string().optional(),
  title: z.string().optional(),
  detail: z.string().optional(),
  fix: z.string().optional(),
});

/**
 * Joining and renewing over the hub's HTTPS address.
 *
 * The certificate of that address is not checked, and need not be: before it joins, an agent trusts nothing but the CA
 * hash it was installed with, and a proxy with a certificate of its own may stand in front of the hub. The request
 * carries no secret (a MAC or a signature stands for it), and the answer counts only if the hub's root signed it over
 * this request's nonce (`openAnswer`). Who stands between can drop or delay, and nothing else.
 */
export function createHttpEnrolment(opts: {
  /** `https://hub.example.com`, with a port or a path before `/v1` if need be. */
  readonly address: string;
  readonly timeoutMs?: number;
}): HubEnrolment & { close(): Promise<void> } {
  const base = readAddress(opts.address);
  const timeoutMs = opts.timeoutMs ?? TIMEOUT_MS;
  const dispatcher = new Agent({
    connections: 1,
    keepAliveTimeout: 1_000,
    connect: { rejectUnauthorized: false, timeout: timeoutMs },
    maxResponseSize: ANSWER_BYTES_MAX,
  });

  const post = async (path: string, body: unknown, signal: AbortSignal): Promise<EnrolmentAnswer> => {
    let status: number;
    let text: string;
    try {
      const response = await request(new URL(path, base), {
        method: "POST",
        dispatcher,
        headers: { "content-type": "application/json", accept: "application/json" },
        body: JSON.stringify(body),
        headersTimeout: timeoutMs,
        bodyTimeout: timeoutMs,
        signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
      });
      status = response.statusCode;
      text = await response.body.text();
    } catch (cause) {
      if (signal.aborted) throw new AppError("cancelled", "asking the hub was cancelled", { cause });
      throw new AppError("unavailable", `the hub at ${opts.address} does not answer: ${messageOf(cause)}`, { cause });
    }
    const json = parseJson(text);
    if (status === 200) {
      const answer = enrolmentAnswer.safeParse(json);
      if (answer.success) return answer.data;
      throw new AppError(
        "unavailable",
        `what answers at ${opts.address} is not a Muster hub (${path} gave no answer of a hub)`,
        {
          fix: "Check hub.address: it is the hub's own HTTPS address, and a proxy must pass /v1/join and /v1/renew on.",
        },
      );
    }
    throw refusal(status, json, `${opts.address}${path.replace(/^\.?\/?/, "/")}`);
  };

  return {
    join: (body, { signal }) => post("v1/join", body, signal),
    renew: (body, { signal }) => post("v1/renew", body, signal),
    close: () => dispatcher.close(),
  };
}

function readAddress(address: string): URL {
  const url = URL.parse(address.endsWith("/") ? address : `${address}/`);
  if (url?.protocol === "https:" && url.username === "" && url.search === "") return url;
  throw new AppError("invalid", `hub.address is "${address}"; it reads https://HOST, with :PORT if need be`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const CODES: Readonly<Record<number, ErrorCode>> = {
  400: "invalid",
  401: "unauthenticated",
  403: "forbidden",
  413: "too-large",
};

function refusal(status: number, json: unknown, where: string): AppError {
  const told = problem.safeParse(json);
  const known = CODES[status];
  const message = told.success ? (told.data.detail ?? told.data.title) : undefined;
  if (known === undefined || message === undefined) {
    return new AppError("unavailable", `${where} answered ${status}${message === undefined ? "" : `: ${message}`}`);
  }
  const fix = told.success ? told.data.fix : undefined;
  return new AppError(known, message, fix === undefined ? {} : { fix });
}
