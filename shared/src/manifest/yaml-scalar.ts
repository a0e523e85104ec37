/**
 * What a plain (unquoted) word of YAML means to Kubernetes. kubectl and the API server read YAML through
 * sigs.k8s.io/yaml: YAML 1.1 without timestamps and without base-60 numbers, and with the numbers of Go. The rules
 * below are its rules, in its order; `fixtures/kubernetes-yaml` holds what it really answers.
 */

export type ScalarValue = null | boolean | number | string | UnsafeNumber;

/** A number that JavaScript or JSON cannot carry unchanged. It never becomes a value: the reader refuses it. */
export class UnsafeNumber {
  readonly text: string;
  readonly reason: "not-finite" | "beyond-53-bits";
  constructor(text: string, reason: UnsafeNumber["reason"]) {
    this.text = text;
    this.reason = reason;
  }
}

const WORDS: ReadonlyMap<string, null | boolean> = new Map<string, null | boolean>([
  ...["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"].map((word) => [word, true] as const),
  ...["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"].map((word) => [word, false] as const),
  ...["", "~", "null", "Null", "NULL"].map((word) => [word, null] as const),
]);

const NOT_FINITE = /^(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/;
const INTEGER = /^([-+]?)(?:0[bB]([01]+)|0[oO]?([0-7]+)|0[xX]([0-9a-fA-F]+)|(0|[1-9][0-9]*))$/;
/** `0b+1`, a slip of Go's YAML reader. */
const SIGN_AFTER_PREFIX = /^0b([-+][01]{1,52})$/;
const POINT_FIRST = /^\.[0-9](?:_?[0-9])*(?:[eE][-+]?[0-9](?:_?[0-9])*)?$/;
const FLOAT = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/;

/** The first characters that a word other than text can have; everything else is text at once. */
const isHint = (code: number): boolean =>
  (code >= 0x30 && code <= 0x39) || code === 0x2b || code === 0x2d || code === 0x2e || WORD_HINTS.has(code);
const WORD_HINTS = new Set([..."yYnNtTfFoO~"].map((letter) => letter.charCodeAt(0)));

/** The value of a plain scalar without an explicit tag. */
export function resolvePlain(source: string): ScalarValue {
  if (source === "") return null;
  const first = source.charCodeAt(0);
  if (!isHint(first)) return source;
  const word = WORDS.get(source);
  if (word !== undefined) return word;
  if (NOT_FINITE.test(source)) return new UnsafeNumber(source, "not-finite");
  if (WORD_HINTS.has(first)) return source;
  // After a leading point Go is stricter about underscores than after a digit.
  if (first === 0x2e && !POINT_FIRST.test(source)) return source;
  const digits = source.replaceAll("_", "");
  return resolveInteger(digits) ?? resolveFloat(digits) ?? source;
}

/** Null when it is not an integer. An integer of too many bits for Go falls through to the floats, as in Go. */
function resolveInteger(text: string): number | UnsafeNumber | null {
  const oddity = SIGN_AFTER_PREFIX.exec(text);
  if (oddity) return Number.parseInt(oddity[1] as string, 2) + 0;
  const match = INTEGER.exec(text);
  if (!match) return null;
  const [, sign, binary, octal, hexadecimal, decimal] = match;
  const magnitude =
    binary !== undefined
      ? Number.parseInt(binary, 2)
      : octal !== undefined
        ? Number.parseInt(octal, 8)
        : hexadecimal !== undefined
          ? Number.parseInt(hexadecimal, 16)
          : Number(decimal);
  if (!Number.isSafeInteger(magnitude)) return new UnsafeNumber(text, "beyond-53-bits");
  return sign === "-" && magnitude !== 0 ? -magnitude : magnitude;
}

function resolveFloat(text: string): number | UnsafeNumber | null {
  if (!FLOAT.test(text)) return null;
  const value = Number(text);
  // Too large for a double: text, as Go leaves it. Zero has no sign in what is sent.
  return Number.isFinite(value) ? value + 0 : null;
}

export type TaggedScalar = { readonly value: ScalarValue } | { readonly refused: string };

/** The value of a scalar with an explicit tag, given in its short form (`!!int`). */
export function resolveTagged(tag: string, source: string): TaggedScalar {
  switch (tag) {
    case "!!bool":
    case "!!int":
    case "!!float":
    case "!!null": {
      const value = resolvePlain(source);
      const fits = {
        "!!bool": typeof value === "boolean",
        "!!int": value instanceof UnsafeNumber || (typeof value === "number" && !FLOAT_ONLY.test(source)),
        "!!float": value instanceof UnsafeNumber || typeof value === "number",
        "!!null": value === null,
      }[tag];
      return fits ? { value } : { refused: `${JSON.stringify(source.slice(0, 40))} cannot be read as ${tag}` };
    }
    case "!!binary":
      return { refused: "the tag !!binary is not supported: write the base64 text without it" };
    default:
      // `!`, `!!str`, `!!timestamp` and tags nobody knows: the text as it stands.
      return { value: source };
  }
}

/** A float's spelling: a point, or an exponent, and not hexadecimal. */
const FLOAT_ONLY = /^(?!0[xX]|[-+]0[xX]).*[.eE]/;
