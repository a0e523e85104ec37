import type { CommitId } from "@muster/shared/model/ids.ts";
import type { GitCommit } from "../../ports/git-source.ts";

const SUBJECT_LENGTH_MAX = 200;

/** Reads a commit object: header lines, an empty line, the message. */
export function parseCommit(id: CommitId, text: string): GitCommit {
  const end = text.indexOf("\n\n");
  const header = end < 0 ? text : text.slice(0, end);
  const author = /^author (.*) <[^>]*> \d+ [+-]\d{4}$/m.exec(header)?.[1] ?? "";
  const seconds = Number(/^committer .* (\d+) [+-]\d{4}$/m.exec(header)?.[1] ?? 0);
  const subject = end < 0 ? "" : (text.slice(end + 2).split("\n", 1)[0] ?? "");
  return { id, author, subject: subject.slice(0, SUBJECT_LENGTH_MAX), committedAt: seconds * 1000 };
}
