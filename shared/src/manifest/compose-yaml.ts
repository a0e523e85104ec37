import { type AliasEvent, EVENT_ID, type Event, getScalarValue, SCALAR_STYLE, type ScalarEvent } from "js-yaml";
import { type SubstitutionScope, takesOnlyText } from "./substitute-scalar.ts";
import { YamlFault, type YamlLimits } from "./yaml-limits.ts";
import { resolvePlain, resolveTagged, type ScalarValue, UnsafeNumber } from "./yaml-scalar.ts";

/**
 * js-yaml parses text into events; this turns the events of a document into plain data as Kubernetes reads it, and
 * remembers where it stood. An alias becomes the very object that its anchor names, never a copy: what it would be if
 * written out is only counted, and refused when it is too much.
 */
export interface ComposedDocument {
  /** JSON data; objects that aliases name are shared. Null for an empty document. */
  readonly value: unknown;
  /** Event index of the mappings that can be Kubernetes objects: the root, and the items of lists in it. */
  readonly starts: ReadonlyMap<object, number>;
}

interface Anchor {
  value: unknown;
  /** Null while its own content is still being read. */
  weight: Weight | null;
}

/** What a node is when written out. */
interface Weight {
  nodes: number;
  characters: number;
  height: number;
}

export interface Frame {
  readonly kind: "document" | "list" | "mapping";
  value: unknown;
  readonly anchor: Anchor | null;
  readonly weight: Weight;
  key: string | null;
  keyOffset: number;
  isMergeKey: boolean;
  hasMerge: boolean;
  /** Keys that came by merging: a key of the mapping's own may replace them. */
  merged: Set<string> | null;
}

const NO_RANGE = -1;
const SCALAR_WEIGHT = (characters: number): Weight => ({ nodes: 1, characters, height: 1 });

/**
 * Composes the document whose DOCUMENT event is at `from`; `next` is the index after its end.
 * @throws YamlFault
 */
export function composeDocument(
  source: string,
  events: readonly Event[],
  from: number,
  limits: YamlLimits,
  scope: SubstitutionScope | null = null,
): ComposedDocument & { next: number } {
  const starts = new Map<object, number>();
  const anchors = new Map<string, Anchor>();
  const frames: Frame[] = [openFrame("document", null, null)];
  let aliasNodes = 0;
  let aliasCharacters = 0;
  let index = from + 1;

  for (; index < events.length; index++) {
    const event = events[index] as Event;
    const frame = frames[frames.length - 1] as Frame;
    switch (event.type) {
      case EVENT_ID.SCALAR:
        addScalar(frame, event);
        break;
      case EVENT_ID.SEQUENCE:
      case EVENT_ID.MAPPING: {
        if (frame.kind === "mapping" && frame.key === null && !frame.isMergeKey) refuseKey(event.start);
        const isMapping = event.type === EVENT_ID.MAPPING;
        const value = isMapping ? {} : [];
        const anchor = nameAnchor(event, value);
        // Depths at which a Kubernetes object can stand: the root, an item of a list, an item of a list in a list.
        if (isMapping && (frames.length === 1 || frames.length === 3 || frames.length === 5)) starts.set(value, index);
        frames.push(openFrame(isMapping ? "mapping" : "list", value, anchor));
        break;
      }
      case EVENT_ID.ALIAS:
        addAlias(frame, event);
        break;
      case EVENT_ID.POP: {
        frames.pop();
        if (frame.kind === "document") return { value: frame.value, starts, next: index + 1 };
        if (frame.anchor) frame.anchor.weight = frame.weight;
        const parent = frames[frames.length - 1] as Frame;
        addValue(parent, frame.value, frame.weight);
        break;
      }
      default:
        throw new YamlFault("InvalidYaml", "a document begins inside another.", 0);
    }
  }
  throw new YamlFault("InvalidYaml", "the document does not end.", source.length);

  function addScalar(frame: Frame, event: ScalarEvent): void {
    const written = getScalarValue(source, event);
    const offset = offsetOf(event);
    const text = scope === null ? written : scope.substitute(written, index, { offset, frames });
    if (frame.kind === "mapping" && frame.key === null && !frame.isMergeKey) {
      const isPlain = event.style === SCALAR_STYLE.PLAIN && event.tagStart === NO_RANGE;
      frame.keyOffset = offset;
      if (written === "<<" && isPlain) {
        frame.isMergeKey = true;
        return;
      }
      // A key is text: a variable gives it no other type.
      const value = text === written ? scalarValue(event, text, offset) : text;
      frame.key = keyOf(value, text, offset);
      storeAnchor(event, frame.key);
      return;
    }
    const isText = scope !== null && text !== written && takesOnlyText(frames);
    const value = isText ? text : scalarValue(event, text, offset);
    const weight = SCALAR_WEIGHT(typeof value === "string" ? value.length : 8);
    storeAnchor(event, value);
    addValue(frame, value, weight);
  }

  function addAlias(frame: Frame, event: AliasEvent): void {
    const name = source.slice(event.anchorStart, event.anchorEnd);
    const offset = event.anchorStart;
    const anchor = anchors.get(name);
    if (!anchor) throw new YamlFault("InvalidYaml", `the alias *${name} names an anchor that is not there.`, offset);
    if (!anchor.weight) throw new YamlFault("InvalidYaml", `the alias *${name} stands inside its own anchor.`, offset);
    if (frame.kind === "mapping" && frame.key === null && !frame.isMergeKey) {
      if (typeof anchor.value === "object" && anchor.value !== null) refuseKey(offset);
      frame.keyOffset = offset;
      frame.key = keyOf(anchor.value as ScalarValue, String(anchor.value), offset);
      return;
    }
    aliasNodes += anchor.weight.nodes;
    aliasCharacters += anchor.weight.characters;
    if (aliasNodes > limits.aliasNodesMax || aliasCharacters > limits.aliasCharactersMax) {
      throw new YamlFault(
        "TooManyAliases",
        `written out, the aliases of this document are more than ${limits.aliasNodesMax} values or ` +
          `${limits.aliasCharactersMax} characters.`,
        offset,
        "Write the content out, or split it into several objects.",
      );
    }
    if (frames.length - 1 + anchor.weight.height > limits.depthMax) {
      throw new YamlFault("InvalidYaml", TOO_DEEP.message, offset, TOO_DEEP.fix);
    }
    addValue(frame, anchor.value, anchor.weight);
  }

  function addValue(frame: Frame, value: unknown, weight: Weight): void {
    frame.weight.nodes += weight.nodes;
    frame.weight.characters += weight.characters;
    frame.weight.height = Math.max(frame.weight.height, weight.height + 1);
    if (frame.kind === "document") {
      frame.value = value;
    } else if (frame.kind === "list") {
      (frame.value as unknown[]).push(value);
    } else if (frame.isMergeKey) {
      frame.isMergeKey = false;
      merge(frame, value);
    } else {
      const key = frame.key as string;
      frame.key = null;
      frame.weight.characters += key.length;
      setOwn(frame, key, value);
    }
  }

  function storeAnchor(event: ScalarEvent, value: unknown): void {
    const anchor = nameAnchor(event, value);
    if (anchor) anchor.weight = SCALAR_WEIGHT(typeof value === "string" ? value.length : 8);
  }

  function nameAnchor(event: { anchorStart: number; anchorEnd: number }, value: unknown): Anchor | null {
    if (event.anchorStart === NO_RANGE) return null;
    const anchor: Anchor = { value, weight: null };
    anchors.set(source.slice(event.anchorStart, event.anchorEnd), anchor);
    return anchor;
  }

  function scalarValue(event: ScalarEvent, text: string, offset: number): Exclude<ScalarValue, UnsafeNumber> {
    let value: ScalarValue = text;
    if (event.tagStart !== NO_RANGE) {
      const tagged = resolveTagged(shortTag(source.slice(event.tagStart, event.tagEnd)), text);
      if ("refused" in tagged) throw new YamlFault("InvalidYaml", `${tagged.refused}.`, offset);
      value = tagged.value;
    } else if (event.style === SCALAR_STYLE.PLAIN) {
      value = resolvePlain(text);
    } else if (event.style === SCALAR_STYLE.DOUBLE_QUOTED) {
      checkQuoted(source.slice(event.valueStart, event.valueEnd), text, offset);
    }
    if (value instanceof UnsafeNumber) refuseNumber(value, offset);
    return value;
  }
}

function openFrame(kind: Frame["kind"], value: unknown, anchor: Anchor | null): Frame {
  const weight = { nodes: kind === "document" ? 0 : 1, characters: 0, height: 1 };
  return { kind, value, anchor, weight, key: null, keyOffset: 0, isMergeKey: false, hasMerge: false, merged: null };
}

/** JSON has only text as keys. What kubectl turns into text without loss is turned, the rest is refused. */
function keyOf(value: unknown, text: string, offset: number): string {
  if (typeof value === "string") return value;
  if (typeof value === "boolean") return String(value);
  if (typeof value === "number" && !/[.eE]/.test(text.replace(/^[-+]?0[xX].*/, ""))) return String(value);
  const what = value === null ? "an empty word" : "a number with a fraction";
  throw new YamlFault(
    "InvalidYaml",
    `the key ${JSON.stringify(text.slice(0, 40))} is ${what}, and a key must be text.`,
    offset,
    "Put the key in quotes.",
  );
}

function setOwn(frame: Frame, key: string, value: unknown): void {
  const mapping = frame.value as Record<string, unknown>;
  if (Object.hasOwn(mapping, key) && !frame.merged?.delete(key)) {
    throw new YamlFault(
      "InvalidYaml",
      `the key ${JSON.stringify(key.slice(0, 80))} is given twice in one mapping.`,
      frame.keyOffset,
      "Keep one of the two.",
    );
  }
  define(mapping, key, value);
}

function merge(frame: Frame, from: unknown): void {
  const offset = frame.keyOffset;
  const mapping = frame.value as Record<string, unknown>;
  if (frame.hasMerge) {
    throw new YamlFault(
      "InvalidYaml",
      "the merge key << is given twice in one mapping.",
      offset,
      "Merge several at once: `<<: [*a, *b]`.",
    );
  }
  frame.hasMerge = true;
  frame.merged = new Set();
  for (const source of Array.isArray(from) ? from : [from]) {
    if (typeof source !== "object" || source === null || Array.isArray(source)) {
      throw new YamlFault("InvalidYaml", "the merge key << takes a mapping, or a list of mappings.", offset);
    }
    for (const [key, value] of Object.entries(source)) {
      // Of several sources the first wins.
      if (frame.merged.has(key)) continue;
      if (Object.hasOwn(mapping, key)) {
        // YAML says that the mapping's own key wins, kubectl lets the merged one win: nobody could tell what is meant.
        throw new YamlFault(
          "InvalidYaml",
          `the merge key << sets ${JSON.stringify(key.slice(0, 80))}, which is set above it: kubectl and YAML ` +
            "disagree about which of them counts.",
          offset,
          "Move the << line to the top of its mapping; then what stands below it counts.",
        );
      }
      define(mapping, key, value);
      frame.merged.add(key);
    }
  }
}

function define(mapping: Record<string, unknown>, key: string, value: unknown): void {
  if (key === "__proto__") {
    Object.defineProperty(mapping, key, { value, enumerable: true, configurable: true, writable: true });
  } else {
    mapping[key] = value;
  }
}

/** An odd number of backslashes at the end of a line, and an empty line below it. */
const ESCAPED_BREAK_BEFORE_EMPTY_LINE = /(?<!\\)\\(?:\\\\)*\r?\n[ \t]*\r?\n/;

function checkQuoted(written: string, text: string, offset: number): void {
  if (!text.isWellFormed()) {
    throw new YamlFault("InvalidYaml", "an escape in this text is half of a character.", offset);
  }
  // js-yaml drops the empty line, kubectl keeps it.
  if (written.includes("\\") && ESCAPED_BREAK_BEFORE_EMPTY_LINE.test(written)) {
    const message = "an empty line follows a line of this text that ends in a backslash, which is read in two ways.";
    throw new YamlFault("InvalidYaml", message, offset, "Write the line break as \\n.");
  }
}

const shortTag = (tag: string): string => tag.replace(/^!<tag:yaml\.org,2002:(.*)>$/, "!!$1");

/** Where a node stands in its text. */
export function offsetOf(event: Event): number {
  if ("start" in event) return event.start;
  if ("valueStart" in event && event.valueStart !== NO_RANGE) return event.valueStart;
  if ("tagStart" in event && event.tagStart !== NO_RANGE) return event.tagStart;
  if ("anchorStart" in event && event.anchorStart !== NO_RANGE) return event.anchorStart;
  return 0;
}

function refuseKey(offset: number): never {
  throw new YamlFault("InvalidYaml", "a list or a mapping cannot be a key.", offset);
}

export const TOO_DEEP = {
  message: "the document is nested too deeply.",
  fix: "Flatten it to at most 100 levels.",
} as const;

function refuseNumber(number: UnsafeNumber, offset: number): never {
  const text = number.text.slice(0, 40);
  if (number.reason === "not-finite") {
    throw new YamlFault(
      "InvalidYaml",
      `${text} has no form in JSON, which Kubernetes speaks.`,
      offset,
      "Quote it to mean text.",
    );
  }
  throw new YamlFault(
    "InvalidObject",
    `the number ${text} is beyond ±9007199254740991, where programs that read JSON begin to round.`,
    offset,
    "Quote it if the field takes text; otherwise use a number of at most 53 bits.",
  );
}
