import { AppError } from "@muster/shared/errors.ts";
import type { GitRemote } from "../../ports/git-source.ts";

/** A repository's address as people may see it: without whatever was put before the `@`. */
export function publicUrl(url: string): string {
  return url.replace(/([a-z+]+:\/\/)[^/@\s]*@/gi, "$1");
}

type Remote = Pick<GitRemote, "url" | "credentials">;

const say = (remote: Remote): string => publicUrl(remote.url);

export const failures = {
  unreachable: (remote: Remote, detail: string, cause?: unknown): AppError =>
    new AppError("unavailable", `${say(remote)} cannot be reached: ${detail}`, { cause }),

  refused: (remote: Remote): AppError =>
    new AppError(
      "unauthenticated",
      remote.credentials.auth.kind === "none"
        ? `${say(remote)} asks for credentials, and the Source names none`
        : `${say(remote)} refused the credentials`,
      { fix: "Check the credential that spec.git.credentials names: it may have expired, or lack read access." },
    ),

  noRepository: (remote: Remote): AppError =>
    new AppError("not-found", `there is no repository at ${say(remote)}, or it is hidden from these credentials`, {
      fix: "Check spec.git.url, and that the credentials may read it.",
    }),

  noRepositoryAt: (path: string): AppError =>
    new AppError("not-found", `there is no repository at file://${path}`, {
      fix: "Check spec.git.url: the path is one of the machine, or container, where the hub runs.",
    }),

  noFiles: (url: string): AppError =>
    new AppError("forbidden", `${publicUrl(url)} is a directory of the hub's own machine, which no Source may be`, {
      fix: "Use an https:// or ssh:// address, or let an administrator start the hub with --allow-file-urls true.",
    }),

  unsupported: (url: string, why: string): AppError =>
    new AppError("invalid", `${publicUrl(url)}: ${why}`, {
      fix: "Use an https://, ssh://, user@host:path or file:// address.",
    }),

  nativeOnly: (url: string, what: string): AppError =>
    new AppError("unsupported", `${publicUrl(url)}: ${what} needs the git binary`, {
      fix: "Install git 2.37 or newer where the hub runs, and leave --git-engine at auto.",
    }),

  redirect: (remote: Remote, target: string, why: string, cause?: unknown): AppError =>
    new AppError("forbidden", `${say(remote)} redirects to ${publicUrl(target)}, which is not followed: ${why}`, {
      cause,
      fix: "Write the address that is meant into spec.git.url.",
    }),

  notFetched: (commit: string): AppError =>
    // The mirror was lost or is another's: that says nothing about what is in the commit.
    new AppError("unavailable", `commit ${commit} is not in the mirror yet; it is fetched again`),
};

/** What git's and ssh's own words mean. Kept in one place: they are their interface for want of a better one. */
export function fromGitStderr(remote: Remote, stderr: string): AppError {
  if (/Host key verification failed|No \S+ host key is known|HOST IDENTIFICATION HAS CHANGED/i.test(stderr)) {
    return new AppError("unauthenticated", `${say(remote)} shows a host key that known_hosts does not have`, {
      fix: "Check with the server's operator, then put its present key into known_hosts of the credential.",
    });
  }
  if (
    /Authentication failed|could not read (Username|Password)|returned error: 40[13]|Access denied|Permission denied \(/i.test(
      stderr,
    )
  ) {
    return failures.refused(remote);
  }
  if (
    /repository .*not found|returned error: 404|does not appear to be a git repository|does not exist|not found/i.test(
      stderr,
    )
  ) {
    return failures.noRepository(remote);
  }
  if (/transport '.*' not allowed|is not a valid|no such transport|unable to find remote helper/i.test(stderr)) {
    return failures.unsupported(remote.url, "this kind of address is not allowed");
  }
  const line = stderr.split("\n").find((text) => /^(fatal|error|ssh):/.test(text)) ?? stderr.trim().slice(0, 300);
  return failures.unreachable(remote, publicUrl(line.replace(/^(fatal|error): /, "")));
}
