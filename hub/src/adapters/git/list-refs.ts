import { AppError } from "@muster/shared/errors.ts";
import { DELIMITER, FLUSH, type Packet, packetOf, textOf } from "./pkt-line.ts";

export interface RemoteRef {
  readonly oid: string;
  /** Of an annotated tag: the commit it names. */
  readonly peeled: string | null;
}

export type RemoteRefs = ReadonlyMap<string, RemoteRef>;

/** What a server says of itself first: its capabilities (version 2), or all its refs at once (older ones). */
export type Greeting = { readonly version: 2 } | { readonly version: 0; readonly refs: RemoteRefs };

const REFS_MAX = 500_000;
const AGENT = "agent=muster";

/** The question for every ref that begins with one of `prefixes` (gitprotocol-v2, ls-refs). */
export function listingRequest(prefixes: readonly string[]): string {
  const options = ["peel\n", ...prefixes.map((prefix) => `ref-prefix ${prefix}\n`)];
  return [packetOf("command=ls-refs\n"), packetOf(AGENT), DELIMITER, ...options.map(packetOf), FLUSH].join("");
}

/** Reads the answer to it, up to its end mark. @throws AppError "corrupt", "unavailable" with the server's own words. */
export async function readListing(packets: AsyncIterator<Packet>): Promise<RemoteRefs> {
  const refs = new Map<string, RemoteRef>();
  for (;;) {
    const { value: packet, done } = await packets.next();
    if (done) throw new AppError("unavailable", "the server's answer ends in the middle");
    if (packet === "flush") return refs;
    const line = checked(textOf(packet));
    const match = /^([0-9a-f]{40,64}|unborn) (\S+)(.*)$/.exec(line);
    if (match === null) throw new AppError("corrupt", "the server does not speak Git's protocol");
    const [, oid = "", name = "", attributes = ""] = match;
    if (oid === "unborn") continue;
    add(refs, name, { oid, peeled: / peeled:([0-9a-f]{40,64})/.exec(attributes)?.[1] ?? null });
  }
}

/** Reads what a server says when it is reached; over HTTP it may begin with the service's name. */
export async function readGreeting(packets: AsyncIterator<Packet>): Promise<Greeting> {
  const refs = new Map<string, RemoteRef>();
  let isNamed = false;
  for (;;) {
    const { value: packet, done } = await packets.next();
    if (done) throw new AppError("corrupt", "the server does not speak Git's protocol");
    if (packet === "flush") {
      // The service's name has an end mark of its own.
      if (!isNamed) return { version: 0, refs };
      isNamed = false;
      continue;
    }
    const line = checked(textOf(packet));
    if (line === "# service=git-upload-pack") {
      isNamed = true;
      continue;
    }
    if (line === "version 2") return await endOfCapabilities(packets);
    if (line === "version 1") continue;
    const match = /^([0-9a-f]{40,64}) ([^\0\s]+)(?:\0.*)?$/.exec(line);
    if (match === null) throw new AppError("corrupt", "the server does not speak Git's protocol");
    const [, oid = "", name = ""] = match;
    if (name === "capabilities^{}") continue;
    const annotated = name.endsWith("^{}") ? refs.get(name.slice(0, -3)) : undefined;
    if (annotated) add(refs, name.slice(0, -3), { ...annotated, peeled: oid });
    else add(refs, name, { oid, peeled: null });
  }
}

async function endOfCapabilities(packets: AsyncIterator<Packet>): Promise<Greeting> {
  for (;;) {
    const { value: packet, done } = await packets.next();
    if (done || packet === "flush") return { version: 2 };
    if (textOf(packet) === "object-format=sha256") {
      throw new AppError("unsupported", "repositories with SHA-256 object ids are not read yet");
    }
  }
}

function add(refs: Map<string, RemoteRef>, name: string, ref: RemoteRef): void {
  if (refs.size >= REFS_MAX) throw new AppError("too-large", `the repository has more than ${REFS_MAX} refs`);
  refs.set(name, ref);
}

function checked(line: string): string {
  if (line.startsWith("ERR ")) throw new AppError("unavailable", line.slice(4, 300).trim());
  return line;
}
