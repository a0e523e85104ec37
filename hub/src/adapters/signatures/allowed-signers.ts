import { AppError } from "@muster/shared/errors.ts";
import { readSshPublicKey, SshFormatError } from "./ssh-key.ts";

/** One line of a file in OpenSSH's ALLOWED SIGNERS format, as ssh-keygen(1) describes it. */
export interface AllowedSigner {
  /** As it was written: `ada@example.com,ada@example.org`. */
  readonly principals: string;
  readonly keyBlob: Buffer;
  /** Patterns of what the key may sign; null: anything. */
  readonly namespaces: readonly string[] | null;
  /** Milliseconds; null: no limit. */
  readonly validAfter: number | null;
  readonly validBefore: number | null;
}

/** `where` names the file in errors. @throws AppError "invalid" that names the line. */
export function parseAllowedSigners(text: string, where: string): readonly AllowedSigner[] {
  return text.split("\n").flatMap((raw, index) => {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) return [];
    try {
      return [parseLine(line)];
    } catch (error) {
      if (!(error instanceof SshFormatError)) throw error;
      throw new AppError("invalid", `${where}:${index + 1}: ${error.message}.`, {
        cause: error,
        fix: 'A line reads: ada@example.com namespaces="git" ssh-ed25519 AAAA…',
      });
    }
  });
}

/** Whether a key may sign something of this namespace: `*` and `?` are wild, `!` forbids. */
export function allowsNamespace(signer: AllowedSigner, namespace: string): boolean {
  if (signer.namespaces === null) return true;
  const forbids = signer.namespaces.some((pattern) => pattern.startsWith("!") && matches(pattern.slice(1), namespace));
  return !forbids && signer.namespaces.some((pattern) => matches(pattern, namespace));
}

function parseLine(line: string): AllowedSigner {
  const [principals, ...rest] = splitFields(line);
  const options = rest[0] !== undefined && !isKeyType(rest[0]) ? (rest.shift() as string) : "";
  const [type, base64] = rest;
  if (principals === undefined || type === undefined || base64 === undefined) {
    throw new SshFormatError("principals, a type of key and a key are needed");
  }
  if (!isKeyType(type)) throw new SshFormatError(`${JSON.stringify(type.slice(0, 64))} is no type of key`);
  const keyBlob = Buffer.from(base64, "base64");
  if (readSshPublicKey(keyBlob).type !== type) throw new SshFormatError(`the key is not of type ${type}`);
  return { principals: unquoted(principals), keyBlob, ...parseOptions(options) };
}

const isKeyType = (field: string): boolean => /^(ssh-|ecdsa-|sk-)\S+$/.test(field);

/** Fields parted by blanks; what stands in double quotes is not parted. */
const splitFields = (line: string): string[] => line.match(/(?:"(?:[^"\\]|\\.)*"|[^\s"])+/g) ?? [];

const unquoted = (text: string): string => text.replaceAll(/"((?:[^"\\]|\\.)*)"/g, "$1").replaceAll('\\"', '"');

function parseOptions(text: string): Pick<AllowedSigner, "namespaces" | "validAfter" | "validBefore"> {
  const options = text.match(/(?:"(?:[^"\\]|\\.)*"|[^,"])+/g) ?? [];
  let namespaces: string[] | null = null;
  let validAfter: number | null = null;
  let validBefore: number | null = null;
  for (const option of options) {
    const [, name = "", value] = /^([^=]*)(?:=(.*))?$/.exec(option) ?? [];
    const given = unquoted(value ?? "");
    switch (name.toLowerCase()) {
      case "namespaces":
        namespaces = given.split(",").map((pattern) => pattern.trim());
        break;
      case "valid-after":
        validAfter = parseTime(given);
        break;
      case "valid-before":
        validBefore = parseTime(given);
        break;
      case "cert-authority":
        throw new SshFormatError("cert-authority is not supported: list the signers' own keys instead");
      default:
        throw new SshFormatError(`${JSON.stringify(name.slice(0, 64))} is not an option of allowed signers`);
    }
  }
  return { namespaces, validAfter, validBefore };
}

/** `YYYYMMDD[HHMM[SS]][Z]`. Without Z it is UTC too: what a signature is worth must not hang on the hub's time zone. */
function parseTime(text: string): number {
  const [, year, month, day, hours = "00", minutes = "00", seconds = "00"] =
    /^(\d{4})(\d\d)(\d\d)(?:(\d\d)(\d\d)(\d\d)?)?Z?$/.exec(text) ?? [];
  const iso = `${year}-${month}-${day}T${hours}:${minutes}:${seconds}Z`;
  const time = Date.parse(iso);
  // A day that the month does not have would roll over into the next one.
  if (Number.isNaN(time) || new Date(time).getUTCDate() !== Number(day)) {
    throw new SshFormatError(`${JSON.stringify(text.slice(0, 32))} is no time; write it as 20270131 or 202701311200Z`);
  }
  return time;
}

function matches(pattern: string, text: string): boolean {
  const expression = pattern.replaceAll(/[^*?]+|[*?]/g, (part) =>
    part === "*" ? ".*" : part === "?" ? "." : part.replaceAll(/[\\^$.|+()[\]{}/-]/g, "\\$&"),
  );
  return new RegExp(`^${expression}$`, "u").test(text);
}
