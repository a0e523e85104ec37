/** A commit or annotated tag, taken apart as Git does before it asks gpg or ssh-keygen. */
export interface SignedObject {
  readonly kind: "commit" | "tag";
  /** What was signed: the object without its signature. */
  readonly payload: Buffer;
  /** Armored text; null when the object carries none. */
  readonly signature: string | null;
  /** When the committer or tagger says it was made. Milliseconds; null when it does not say. */
  readonly at: number | null;
  /** Of a tag: what it is called, and the object it names. */
  readonly tag: { readonly name: string; readonly target: string } | null;
}

const LINE_FEED = 0x0a;
const SPACE = 0x20;
/** Where the signature of a tag may begin; the last such line of a tag counts. */
const TAG_SIGNATURE = /^-----BEGIN (?:PGP SIGNATURE|PGP MESSAGE|SSH SIGNATURE|SIGNED MESSAGE)-----/;

/** Null when the bytes are neither a commit nor a tag, or carry two signatures of one kind. */
export function readSignedObject(object: Uint8Array): SignedObject | null {
  const bytes = Buffer.from(object.buffer, object.byteOffset, object.byteLength);
  const first = /^(tree|object) ([0-9a-f]{40}|[0-9a-f]{64})\n/.exec(bytes.toString("latin1", 0, 80));
  if (first === null) return null;
  // The object's own hash says which header signs it; the other one signs its translation to the other hash.
  const header = first[2]?.length === 64 ? "gpgsig-sha256" : "gpgsig";
  return first[1] === "tree" ? readCommit(bytes, header) : readTag(bytes, first[2] as string);
}

function readCommit(bytes: Buffer, header: string): SignedObject | null {
  const parts = partHeaders(bytes, header);
  if (parts.signatures > 1) return null;
  const signature = parts.signatures === 0 ? null : parts.signature;
  return { kind: "commit", payload: parts.payload, signature, at: timeOf(parts.payload, "committer"), tag: null };
}

function readTag(bytes: Buffer, target: string): SignedObject {
  let begin = -1;
  for (const line of linesOf(bytes)) {
    if (TAG_SIGNATURE.test(bytes.toString("latin1", line.begin, Math.min(line.end, line.begin + 40))))
      begin = line.begin;
  }
  // Git strips the headers that sign the tag's translation to another hash.
  const { payload } = partHeaders(begin < 0 ? bytes : bytes.subarray(0, begin), null);
  const signature = begin < 0 ? null : bytes.toString("latin1", begin);
  const name = /^tag (.*)$/.exec(headerLine(payload, "tag"))?.[1] ?? "";
  return { kind: "tag", payload, signature, at: timeOf(payload, "tagger"), tag: { name, target } };
}

/**
 * Every header that begins with `gpgsig` is left out of what is signed, with the lines that continue it; the one called
 * `header` is the signature.
 */
function partHeaders(bytes: Buffer, header: string | null): { payload: Buffer; signature: string; signatures: number } {
  const payload: Buffer[] = [];
  const signature: string[] = [];
  let signatures = 0;
  let inside: "signature" | "other" | null = null;
  for (const { begin, end } of linesOf(bytes)) {
    if (bytes[begin] === LINE_FEED) {
      payload.push(bytes.subarray(begin));
      break;
    }
    const continues = bytes[begin] === SPACE && inside !== null;
    if (!continues) {
      const line = bytes.toString("latin1", begin, Math.min(end, begin + 16));
      inside =
        header !== null && line.startsWith(`${header} `) ? "signature" : line.startsWith("gpgsig") ? "other" : null;
      if (inside === "signature") signatures += 1;
    }
    if (inside === null) payload.push(bytes.subarray(begin, end));
    if (inside === "signature") {
      signature.push(bytes.toString("latin1", continues ? begin + 1 : begin + (header as string).length + 1, end));
    }
  }
  return { payload: Buffer.concat(payload), signature: signature.join(""), signatures };
}

function* linesOf(bytes: Buffer): Generator<{ begin: number; end: number }> {
  for (let begin = 0; begin < bytes.length; ) {
    const feed = bytes.indexOf(LINE_FEED, begin);
    const end = feed < 0 ? bytes.length : feed + 1;
    yield { begin, end };
    begin = end;
  }
}

/** The first header line of this name, without its line feed; empty when there is none. */
function headerLine(bytes: Buffer, name: string): string {
  for (const { begin, end } of linesOf(bytes)) {
    if (bytes[begin] === LINE_FEED) return "";
    const line = bytes.toString("utf8", begin, end);
    if (line.startsWith(`${name} `)) return line.replace(/\n$/, "");
  }
  return "";
}

function timeOf(payload: Buffer, header: string): number | null {
  const seconds = / (\d{1,12}) [+-]\d{4}$/.exec(headerLine(payload, header))?.[1];
  return seconds === undefined ? null : Number(seconds) * 1_000;
}
