import { EXIT, type ExitCode, Failure } from "../failure.ts";
import type { components } from "./generated/hub-api.ts";

type ProblemBody = components["schemas"]["ProblemBody"];

/** A refusal by the hub, with the field at fault kept for whoever can point at it. */
export class Refusal extends Failure {
  readonly field: string | undefined;

  constructor(exitCode: ExitCode, message: string, opts: { fix?: string | undefined; field?: string | undefined }) {
    super(exitCode, message, opts);
    this.field = opts.field;
  }
}

const EXIT_BY_STATUS: Record<number, ExitCode> = {
  401: EXIT.refused,
  403: EXIT.refused,
  404: EXIT.notFound,
  409: EXIT.conflict,
  408: EXIT.unreachable,
  429: EXIT.unreachable,
  502: EXIT.unreachable,
  503: EXIT.unreachable,
  504: EXIT.unreachable,
};

/** What a refused call means for the person who made it. */
export function problemFailure(status: number, body: unknown): Refusal {
  const exitCode = EXIT_BY_STATUS[status] ?? EXIT.failed;
  if (typeof body !== "object" || body === null || !("detail" in body)) {
    return new Refusal(exitCode, `The hub answered ${status}, and nothing that this command understands.`, {
      fix: "Is something else served at this address? Check it with `muster version`.",
    });
  }
  const { detail, fix, field, requestId } = body as ProblemBody;
  const message = requestId === undefined ? detail : `${detail} (request ${requestId})`;
  return new Refusal(exitCode, message, { fix, field });
}

const CERTIFICATE_PROBLEMS: Record<string, string> = {
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate is signed by a root that is not trusted here",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is signed by itself",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its certificate is signed by a root that is not trusted here",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "its certificate is signed by a root that is not trusted here",
  CERT_SIGNATURE_FAILURE: "its certificate is signed by another root than the one trusted here",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another name",
  CERT_HAS_EXPIRED: "its certificate has expired",
  CERT_NOT_YET_VALID: "its certificate is not valid yet: is this machine's clock right?",
};

const NETWORK_PROBLEMS: Record<string, string> = {
  ECONNREFUSED: "nothing listens there",
  ENOTFOUND: "the name is not known",
  EAI_AGAIN: "the name could not be looked up",
  ECONNRESET: "the connection was cut",
  ETIMEDOUT: "no answer",
  UND_ERR_CONNECT_TIMEOUT: "no answer",
  EHOSTUNREACH: "there is no way to that host",
  UND_ERR_SOCKET: "the connection was cut",
};

/** A call that got no answer, in words. */
export function unreachableFailure(url: string, error: unknown): Failure {
  const { code, message, isTimeout } = reasonOf(error);
  const certificate = CERTIFICATE_PROBLEMS[code];
  if (certificate !== undefined) {
    return new Failure(EXIT.refused, `The hub at ${url} is not trusted: ${certificate}.`, {
      fix: "Name the hub's root with --ca-file, or log in again with the hash it prints: muster login --ca-hash sha256:…",
      cause: error,
    });
  }
  const reason = isTimeout ? "no answer in time" : (NETWORK_PROBLEMS[code] ?? message);
  return new Failure(EXIT.unreachable, `The hub at ${url} cannot be reached: ${reason}.`, {
    fix: "Is it running? What runs in the clusters keeps running without it.",
    cause: error,
  });
}

function reasonOf(error: unknown): { code: string; message: string; isTimeout: boolean } {
  let current = error;
  for (let depth = 0; depth < 5 && current instanceof Error; depth++) {
    if (current.name === "TimeoutError") return { code: "", message: current.message, isTimeout: true };
    const inner = current instanceof AggregateError ? current.errors[0] : undefined;
    const { code } = current as NodeJS.ErrnoException;
    if (typeof code === "string") return { code, message: current.message, isTimeout: false };
    if (current.cause === undefined && inner === undefined)
      return { code: "", message: current.message, isTimeout: false };
    current = inner ?? current.cause;
  }
  return { code: "", message: String(error), isTimeout: false };
}
