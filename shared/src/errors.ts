/**
 * The three kinds of going wrong are kept apart: an expected outcome is returned as data, a failure is thrown as an
 * `AppError` (adapters translate foreign errors into it once), and a bug is an `assert` that crashes loudly.
 */

export type ErrorCode =
  | "invalid" // the input breaks a rule; the same input will always fail
  | "not-found"
  | "conflict" // somebody else changed it first; read again and retry
  | "unauthenticated"
  | "forbidden"
  | "unavailable" // the other side did not answer, or not in time
  | "too-large"
  | "unsupported" // a newer or older counterpart speaks what this one does not
  | "corrupt" // stored or received bytes do not match their digest, signature or schema
  | "cancelled";

export class AppError extends Error {
  readonly code: ErrorCode;
  /** Whether the same call may succeed later without anyone changing the input. */
  readonly isRetryable: boolean;
  /** What the reader can do about it, as a sentence. */
  readonly fix: string | undefined;

  constructor(code: ErrorCode, message: string, opts: { cause?: unknown; retryable?: boolean; fix?: string } = {}) {
    super(message, opts.cause === undefined ? undefined : { cause: opts.cause });
    this.name = "AppError";
    this.code = code;
    this.isRetryable = opts.retryable ?? code === "unavailable";
    this.fix = opts.fix;
  }
}

export function isAppError(error: unknown, code?: ErrorCode): error is AppError {
  return error instanceof AppError && (code === undefined || error.code === code);
}

/** One line for a person from anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export function assertNever(value: never): never {
  throw new Error(`unexpected value: ${JSON.stringify(value)}`);
}
