import { AppError, type ErrorCode } from "@muster/shared/errors.ts";

/** What the API server says when it refuses: `meta/v1` Status. */
export interface ApiStatus {
  readonly message?: string;
  readonly reason?: string;
  readonly code?: number;
  readonly details?: {
    readonly name?: string;
    readonly kind?: string;
    readonly retryAfterSeconds?: number;
    readonly causes?: readonly { readonly reason?: string; readonly message?: string; readonly field?: string }[];
  };
}

/** An AppError that remembers the HTTP status and reason, for the adapter's own decisions. */
export class ApiRefusal extends AppError {
  readonly status: number;
  readonly reason: string;

  constructor(
    code: ErrorCode,
    message: string,
    opts: { status: number; reason?: string; retryable?: boolean; fix?: string },
  ) {
    super(code, message, opts);
    this.status = opts.status;
    this.reason = opts.reason ?? "";
  }
}

export const isGone = (error: unknown): boolean => error instanceof ApiRefusal && error.status === 410;

/** Reads a refusal's body. Anything that is no Status (a proxy's page, plain text) becomes its message, cut short. */
export function parseStatus(status: number, body: string): ApiStatus {
  try {
    const parsed = JSON.parse(body) as ApiStatus & { kind?: string };
    if (parsed.kind === "Status") return parsed;
  } catch {
    // Not JSON: the text itself is the message.
  }
  return { code: status, message: body.trim().slice(0, 500) };
}

/**
 * The refusal as an AppError. `subject` begins the sentence and says what it is about: `Service shop/shop`.
 * The words of the API server are kept: they are what people search for.
 */
export function refusalOf(httpStatus: number, answer: ApiStatus, subject: string): ApiRefusal {
  const status = answer.code && answer.code >= 400 ? answer.code : httpStatus;
  const { reason } = answer;
  const said = withoutValues((answer.message ?? "").trim(), subject) || `HTTP ${status}`;
  const refusal = (code: ErrorCode, message: string, opts: { retryable?: boolean; fix?: string } = {}) =>
    new ApiRefusal(code, `${subject}: ${message}`, { status, ...(reason ? { reason } : {}), ...opts });

  switch (status) {
    case 401:
      return refusal("unauthenticated", `the API server does not accept the agent's credentials (${said})`);
    case 403:
      return forbidden(answer, said, refusal);
    case 404:
      return refusal("not-found", said);
    case 405:
    case 406:
    case 415:
      return refusal("unsupported", said);
    case 410:
      return refusal("conflict", said, { retryable: true });
    case 409:
      return conflict(answer, said, refusal);
    case 413:
      return refusal("too-large", said);
    case 400:
    case 422:
      return invalid(answer, said, refusal);
    case 429:
      return refusal("unavailable", `the API server asks to wait (${said})`);
    default:
      return status >= 500 ? serverFailure(said, refusal) : refusal("invalid", said);
  }
}

/**
 * `.spec.replicas: expected numeric (int or float), got &value.valueUnstructured{Value:"two"}` prints what was written,
 * and a Secret's manifest has nothing but secrets in it: field and expected type stay, the value does not.
 */
function withoutValues(said: string, subject: string): string {
  const typed = said.replace(
    /, got &value\.\w+\{[\s\S]*?(?:\}+(?=\s*(?:$|\n))|$)/g,
    ", got something else (value hidden)",
  );
  if (!subject.startsWith("Secret ")) return typed;
  return typed.replace(
    /(Invalid value|Unsupported value|Duplicate value): (?:"(?:[^"\\]|\\.)*"|[^:]*)/g,
    "$1: (hidden)",
  );
}

/** `failed to create typed patch object (shop/web; apps/v1, Kind=Deployment): .spec…`: the subject said that already. */
const withoutPreamble = (said: string): string =>
  said
    .replace(/^failed to create typed (?:patch|live) object \([^)]*\):\s*(?:errors:\s*)?(?=\S)/, "")
    .replace(/\n\s*/g, "; ");

type Refuse = (code: ErrorCode, message: string, opts?: { retryable?: boolean; fix?: string }) => ApiRefusal;

/** 403 is said by RBAC, but by admission too, where no right would help. */
function forbidden(answer: ApiStatus, said: string, refuse: Refuse): ApiRefusal {
  if (answer.details?.causes?.some((cause) => cause.reason === "NamespaceTerminating")) {
    return refuse("conflict", said, {
      retryable: true,
      fix: "Wait until the namespace is gone, then it is made again.",
    });
  }
  if (/^admission webhook |ValidatingAdmissionPolicy |violates PodSecurity/.test(said)) return refuse("invalid", said);
  return refuse("forbidden", said, {
    ...(/ cannot [a-z]+ /.test(said) ? { fix: "Allow it in the role of the agent's service account." } : {}),
  });
}

function conflict(answer: ApiStatus, said: string, refuse: Refuse): ApiRefusal {
  const owned = (answer.details?.causes ?? []).filter((cause) => cause.reason === "FieldManagerConflict");
  if (owned.length === 0) return refuse("conflict", said);
  const fields = owned.map(({ field, message }) => fieldConflict(field ?? "", message ?? ""));
  return refuse("conflict", fields.join("; "), {
    fix: "Leave the field out of the manifest, or make its other manager give it up.",
  });
}

/** `conflict with "hpa" with subresource "scale" using apps/v1` at `.spec.replicas` -> `field spec.replicas is managed by "hpa"`. */
const fieldConflict = (field: string, message: string): string =>
  `field ${field.replace(/^\./, "")} is managed by ${/"[^"]*"/.exec(message)?.[0] ?? "another manager"}`;

function invalid(answer: ApiStatus, said: string, refuse: Refuse): ApiRefusal {
  const causes = answer.details?.causes ?? [];
  const immutable = causes.filter((cause) => isImmutableCause(cause.message ?? ""));
  if (immutable.length > 0) {
    const fields = [...new Set(immutable.map((cause) => cause.field ?? "?"))];
    return refuse("invalid", `${fields.map((field) => `field ${field} is immutable`).join("; ")} (${said})`, {
      fix: "Restore the old value, or delete the object in the cluster: Muster makes it again as Git says.",
    });
  }
  return refuse("invalid", said);
}

/** The ways in which the built-in kinds say it. */
const isImmutableCause = (message: string): boolean =>
  /field is immutable|may not change once set|updates to \w+ spec for fields other than|is immutable after creation|cannot be changed/.test(
    message,
  );

function serverFailure(said: string, refuse: Refuse): ApiRefusal {
  // Server-side apply answers 500 to a manifest that does not fit the schema, which no retry mends.
  if (
    /failed to create typed patch object|failed to create manager for existing fields|field not declared in schema/.test(
      said,
    )
  ) {
    return refuse("invalid", withoutPreamble(said));
  }
  // The API server is there; what admits this one object is not.
  if (/failed calling webhook/.test(said)) {
    return refuse("invalid", said, {
      retryable: true,
      fix: "It is tried again. See whether what answers that webhook runs.",
    });
  }
  if (/request is too large|Request entity too large/i.test(said)) return refuse("too-large", said);
  return refuse("unavailable", said);
}
