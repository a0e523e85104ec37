import { AppError, type ErrorCode, isAppError } from "@muster/shared/errors.ts";
import { explainIssues, formatPath } from "@muster/shared/model/parse-definition.ts";
import type { FastifySchemaCompiler } from "fastify";
import { z } from "zod";

/** What every refusal looks like (RFC 9457). `code` is stable; `detail` is for people and may change. */
export const problemBody = z.object({
  type: z.literal("about:blank"),
  title: z.string().describe("the HTTP status in words"),
  status: z.int(),
  code: z.string().describe("stable: safe for programs to match on"),
  detail: z.string().describe("what happened, for people"),
  field: z.string().optional().describe("path of the field that is at fault, e.g. spec.sync.drift"),
  fix: z.string().optional().describe("what to do about it"),
  requestId: z.string().optional().describe("as in the hub's log"),
});
export type ProblemBody = z.infer<typeof problemBody>;

/** What a failed request is answered with, and whether the hub itself is at fault. */
export interface ApiProblem {
  readonly body: ProblemBody;
  readonly isFault: boolean;
  readonly retryAfterSeconds: number | null;
}

const STATUS_BY_CODE: Record<ErrorCode, number> = {
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  "not-found": 404,
  conflict: 409,
  "too-large": 413,
  unsupported: 422,
  corrupt: 500,
  unavailable: 503,
  cancelled: 503,
};

const TITLES: Record<number, string> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  408: "Request Timeout",
  409: "Conflict",
  413: "Content Too Large",
  415: "Unsupported Media Type",
  422: "Unprocessable Content",
  429: "Too Many Requests",
  500: "Internal Server Error",
  503: "Service Unavailable",
};

/** Translates anything thrown while serving into a problem. Bugs are told without their details. */
export function toProblem(error: unknown, requestId?: string): ApiProblem {
  const { retryAfterSeconds = null, isFault = false, ...told } = describe(error);
  const body: ProblemBody = { type: "about:blank", title: TITLES[told.status] ?? "Error", ...told };
  return { body: isFault && requestId !== undefined ? { ...body, requestId } : body, isFault, retryAfterSeconds };
}

type Told = Pick<ProblemBody, "status" | "code" | "detail" | "field" | "fix"> & {
  retryAfterSeconds?: number;
  isFault?: boolean;
};

function describe(error: unknown): Told {
  if (isAppError(error)) {
    const { field } = error as { field?: unknown };
    return {
      status: STATUS_BY_CODE[error.code],
      code: error.code,
      detail: error.message,
      ...(typeof field === "string" ? { field } : {}),
      ...(error.fix === undefined ? {} : { fix: error.fix }),
      ...(error.code === "unavailable" ? { retryAfterSeconds: 5 } : {}),
      isFault: error.code === "corrupt",
    };
  }
  const { statusCode, code, message } = (error ?? {}) as { statusCode?: unknown; code?: unknown; message?: unknown };
  if (typeof statusCode === "number" && statusCode >= 400 && statusCode < 500) {
    return { status: statusCode, code: codeOf(statusCode), ...clientFault(statusCode, code, message) };
  }
  return {
    status: 500,
    code: "internal",
    detail: "The hub failed while answering. Its log says more under this request id.",
    isFault: true,
  };
}

/** Problems that fastify itself found: the body, the method, the rate. */
function clientFault(status: number, code: unknown, message: unknown): { detail: string; fix?: string } {
  if (status === 413) return { detail: "The request body is larger than this call takes." };
  if (status === 429) return { detail: "Too many requests from this address.", fix: "Wait a moment and try again." };
  if (code === "FST_ERR_CTP_INVALID_JSON_BODY" || error400(status, message)) {
    return { detail: "The request body is not JSON.", fix: "Send one JSON document as application/json." };
  }
  return { detail: typeof message === "string" ? message : "The request was not understood." };
}

const error400 = (status: number, message: unknown): boolean =>
  status === 400 && typeof message === "string" && /JSON/.test(message);

function codeOf(status: number): string {
  const codes: Record<number, string> = {
    401: "unauthenticated",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    408: "timeout",
    413: "too-large",
    415: "unsupported-media-type",
    429: "too-many-requests",
  };
  return codes[status] ?? "invalid";
}

/** Fastify's validator over zod schemas. What does not fit is told like a definition's problem: field and nearest name. */
export const validateRequest: FastifySchemaCompiler<z.ZodType> =
  ({ schema }) =>
  (value) => {
    const parsed = schema.safeParse(value);
    if (parsed.success) return { value: parsed.data };
    const [first] = explainIssues(schema, value, parsed.error.issues);
    return { error: new RequestError(first?.message ?? "The request breaks a rule.", formatPath(first?.path ?? [])) };
  };

class RequestError extends AppError {
  readonly field: string | undefined;

  constructor(message: string, field: string) {
    super("invalid", message);
    this.field = field === "" ? undefined : field;
  }
}
