import { AppError, messageOf } from "@muster/shared/errors.ts";
import type { ObjectRef } from "@muster/shared/model/object-ref.ts";
import type { Problem, ProblemCode } from "@muster/shared/model/problem.ts";
import { cut } from "./summarize.ts";

/** What the API server said about one object, as a report tells it. */
export function problemOf(error: unknown, ref?: ObjectRef): Problem {
  const fix = error instanceof AppError ? error.fix : undefined;
  return {
    code: codeOf(error, ref),
    message: cut(messageOf(error), 2_000),
    where: ref === undefined ? {} : { object: ref },
    ...(fix === undefined ? {} : { fix: cut(fix, 1_000) }),
  };
}

function codeOf(error: unknown, ref: ObjectRef | undefined): ProblemCode {
  if (!(error instanceof AppError)) return "Internal";
  switch (error.code) {
    case "forbidden":
    case "unauthenticated":
      return "Forbidden";
    case "conflict":
      return "Conflict";
    case "unavailable":
      return "ClusterUnavailable";
    case "cancelled":
      return "Timeout";
    case "unsupported":
      return "KindUnknown";
    case "not-found":
      // The object itself is made by an apply: what is missing is the namespace around it.
      return ref !== undefined && ref.namespace !== "" ? "NamespaceMissing" : "ApplyRefused";
    case "invalid":
      return /is immutable/.test(error.message) ? "ImmutableField" : "ApplyRefused";
    case "too-large":
      return "ApplyRefused";
    case "corrupt":
      return "DigestMismatch";
  }
}
