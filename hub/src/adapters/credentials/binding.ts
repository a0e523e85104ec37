import { AppError } from "@muster/shared/errors.ts";
import { name as nameSchema } from "@muster/shared/model/ids.ts";
import { formatRemote, isAtOrBelow, parseRemote } from "../../core/remote-address.ts";
import type { CredentialUse } from "../../ports/credentials.ts";
import type { Mount } from "./read-mount.ts";

const FIRST_PORTS: readonly string[] = ["http", "https", "oci", "ssh", "git"];

/**
 * Whether a credential may be used here. What it is bound to stands beside the secret, where only those who may mount it
 * can write: a Source that is pointed elsewhere, or made in another Project, cannot carry it away.
 * @throws AppError "invalid" when it is bound to nothing or to what makes no sense, "forbidden" when this use is not of it.
 */
export function checkBinding(name: string, { files }: Mount, use: CredentialUse): void {
  const projects = lines(files.get("projects"));
  const urls = lines(files.get("urls"));
  const wanted = parseRemote(use.url);
  const suggestion = wanted === null ? "https://git.example.com/team/" : formatRemote(wanted);
  if (urls.length === 0) {
    throw unbound(name, "urls", `the addresses it may be sent to, one prefix per line: ${suggestion}`);
  }
  if (projects.length === 0) {
    throw unbound(name, "projects", `the Projects that may use it, one name per line (* for all): ${use.project}`);
  }
  for (const { text, number } of projects) {
    if (text === "*" || nameSchema.safeParse(text).success) continue;
    throw badLine(name, "projects", number, "is no Project's name", "Write one name per line, or * for all.");
  }
  const prefixes = urls.map(({ text, number }) => {
    const prefix = text.includes("*") ? null : parseRemote(text);
    if (prefix !== null && (FIRST_PORTS.includes(prefix.scheme) || prefix.scheme === "file")) return prefix;
    const fix = `Write prefixes as ${suggestion}: a scheme, a host and whole path segments, without patterns.`;
    throw badLine(name, "urls", number, "is no address that something can be below", fix);
  });

  if (!projects.some(({ text }) => text === "*" || text === use.project)) {
    throw new AppError("forbidden", `credential ${name} is not for Project ${use.project}`, {
      fix: `If it should be, whoever mounts it adds the line ${use.project} to its file "projects".`,
    });
  }
  if (wanted === null) {
    throw new AppError("forbidden", `credential ${name} is not sent to an address that can be read in two ways`, {
      fix: "Write the address without spaces, backslashes, a query, or escapes such as %2f.",
    });
  }
  if (!prefixes.some((prefix) => isAtOrBelow(wanted, prefix))) {
    throw new AppError("forbidden", `credential ${name} is not for ${suggestion}`, {
      fix: `If it should be, whoever mounts it adds the line ${suggestion}, or a prefix of it, to its file "urls".`,
    });
  }
}

interface Line {
  readonly text: string;
  /** From 1. */
  readonly number: number;
}

function lines(text: string | undefined): readonly Line[] {
  return (text ?? "")
    .split(/\r?\n/)
    .map((line, index) => ({ text: line.trim(), number: index + 1 }))
    .filter((line) => line.text !== "" && !line.text.startsWith("#"));
}

const unbound = (name: string, file: string, holding: string): AppError =>
  new AppError("invalid", `credential ${name} is not used, because nothing says where it may go`, {
    fix: `Add a file "${file}" beside the secret (in Kubernetes: a key of the same Secret) that holds ${holding}`,
  });

/** The line itself is not shown: it may hold a user and password. */
const badLine = (name: string, file: string, line: number, what: string, fix: string): AppError =>
  new AppError("invalid", `credential ${name}: line ${line} of its file "${file}" ${what}`, { fix });
