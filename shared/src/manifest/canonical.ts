/**
 * The canonical JSON of an object, as part of bundle format b1: RFC 8785 for the data that YAML can hold. Keys are
 * ordered by their UTF-16 code units, numbers read as JavaScript prints them, nothing is written that JSON does not
 * need.
 *
 * Three fields are left out, because they are the API server's to write and exported objects carry them along:
 * `status`, `metadata.managedFields`, and `metadata.creationTimestamp` where it is null. Nothing else is.
 *
 * Integers beyond 53 bits have no canonical form: `parseManifests` refuses them where their digits still stand.
 *
 * @throws RangeError, TypeError for what is no JSON (NaN, a BigInt, a cycle): a bug of the caller.
 */
export function canonicalJson(object: object): string {
  return writeMapping(object as Record<string, unknown>, 0, "object");
}

/** Far above what a reader lets through; a cycle ends here and not in the stack. */
const DEPTH_MAX = 1_000;

function writeMapping(mapping: Record<string, unknown>, depth: number, as: "object" | "metadata" | "value"): string {
  if (depth > DEPTH_MAX) throw new RangeError("the object is nested too deeply to have a canonical form");
  let out = "{";
  for (const key of Object.keys(mapping).sort()) {
    const value = mapping[key];
    if (value === undefined) continue;
    if (as === "object" && key === "status") continue;
    if (as === "metadata" && (key === "managedFields" || (key === "creationTimestamp" && value === null))) continue;
    if (out.length > 1) out += ",";
    out += `${JSON.stringify(key)}:${write(value, depth + 1, as === "object" && key === "metadata" ? "metadata" : "value")}`;
  }
  return `${out}}`;
}

function write(value: unknown, depth: number, as: "metadata" | "value"): string {
  switch (typeof value) {
    case "string":
    case "boolean":
      return JSON.stringify(value);
    case "number":
      if (!Number.isFinite(value)) throw new RangeError(`the number ${value} has no canonical form`);
      return JSON.stringify(value);
    case "object":
      if (value === null) return "null";
      if (Array.isArray(value)) return `[${value.map((item) => write(item ?? null, depth + 1, "value")).join(",")}]`;
      return writeMapping(value as Record<string, unknown>, depth, as);
    default:
      throw new TypeError(`a ${typeof value} has no canonical form`);
  }
}
