import { AppError } from "@muster/shared/errors.ts";
import type { GitRepository } from "../../ports/git-source.ts";

/** A repository's address as people may see it: without whatever was put before the `@`. */
export function publicUrl(url: string): string {
  return url.replace(/^([a-z+]+:\/\/)[^/@]*@/, "$1");
}

const say = (repository: GitRepository): string => publicUrl(repository.url);

export const failures = {
  unreachable: (repository: GitRepository, detail: string, cause?: unknown): AppError =>
    new AppError("unavailable", `${say(repository)} cannot be reached: ${detail}`, { cause }),

  refused: (repository: GitRepository): AppError =>
    new AppError(
      "unauthenticated",
      repository.credentials === null
        ? `${say(repository)} asks for credentials, and the Source names none`
        : `${say(repository)} refused the credentials`,
      { fix: "Check the credential that spec.git.credentials names: it may have expired, or lack read access." },
    ),

  noRepository: (repository: GitRepository): AppError =>
    new AppError("not-found", `there is no repository at ${say(repository)}, or it is hidden from these credentials`, {
      fix: "Check spec.git.url, and that the credentials may read it.",
    }),

  noBranch: (repository: GitRepository): AppError =>
    new AppError("not-found", `${say(repository)} has no branch ${repository.branch}`, {
      fix: "Restore the branch, or point spec.git.ref at another one. What runs stays as it is.",
    }),

  unsupported: (repository: GitRepository, why: string): AppError =>
    new AppError("invalid", `${say(repository)}: ${why}`, { fix: "Use an https://, http:// or file:// address." }),
};

/** What git's own words mean. Kept in one place: they are its interface for want of a better one. */
export function fromGitStderr(repository: GitRepository, stderr: string): AppError {
  if (/couldn't find remote ref|Remote branch .* not found/i.test(stderr)) return failures.noBranch(repository);
  if (/Authentication failed|could not read (Username|Password)|returned error: 40[13]|Access denied/i.test(stderr)) {
    return failures.refused(repository);
  }
  if (
    /repository .*not found|returned error: 404|does not appear to be a git repository|does not exist/i.test(stderr)
  ) {
    return failures.noRepository(repository);
  }
  if (/transport '.*' not allowed|is not a valid|no such transport|unable to find remote helper/i.test(stderr)) {
    return failures.unsupported(repository, "this kind of address is not allowed");
  }
  const line = stderr.split("\n").find((text) => /^(fatal|error):/.test(text)) ?? stderr.trim().slice(0, 300);
  return failures.unreachable(repository, publicUrl(line.replace(/^(fatal|error): /, "")));
}
