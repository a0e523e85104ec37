import type { ManagedFields } from "../../core/live.ts";
import { type FieldPath, FieldSet, fromFieldsV1, toFieldsV1 } from "./field-set.ts";
import { type Fields, fieldsOf, isSameAt, merged, removeAt, valueAt } from "./object-fields.ts";

/** Who writes, and how: one entry of `metadata.managedFields` is kept for each. */
export interface Writer {
  readonly manager: string;
  readonly operation: "Apply" | "Update";
  readonly subresource?: "status";
}

export interface WriteContext {
  readonly writer: Writer;
  readonly apiVersion: string;
  /** RFC 3339. */
  readonly time: string;
  /** Whether lists of this kind can have keys; see `listShape`. */
  readonly isBuiltIn: boolean;
}

export type Applied =
  | { readonly kind: "applied"; readonly object: Fields }
  | {
      readonly kind: "conflict";
      readonly conflicts: readonly { readonly manager: string; readonly path: FieldPath }[];
    };

interface Owner {
  readonly entry: ManagedFields;
  readonly fields: FieldSet;
}

/**
 * Server-side apply: what is said is set and owned; what this manager said before, says no longer and nobody else owns
 * is removed; a field that another manager owns with another value is a conflict unless forced.
 */
export function applyFields(live: Fields | null, patch: Fields, opts: WriteContext & { force: boolean }): Applied {
  const { writer, isBuiltIn, force } = opts;
  const owners = ownersOf(live);
  const mine = owners.find((owner) => isWriter(owner.entry, writer));
  // Entries keep their places, or an unchanged write would be a change.
  const position = mine ? owners.indexOf(mine) : owners.length;
  const others = owners.filter((owner) => owner !== mine);
  const said = ownable(fieldsOf(patch, isBuiltIn), writer);

  const result = structuredClone(merged(live ?? {}, patch, [], isBuiltIn)) as Fields;
  // The shortest first: an item of a list that nobody else has a part in goes as a whole.
  const dropped = [...(mine?.fields ?? [])].filter((path) => !said.has(path)).sort((a, b) => a.length - b.length);
  for (const path of dropped) {
    if (!said.reaches(path) && !others.some(({ fields }) => fields.reaches(path))) removeAt(result, path, isBuiltIn);
  }

  const conflicts = others.flatMap(({ entry, fields }) =>
    [...fields]
      .filter(
        (path) => valueAt(result, path, isBuiltIn) !== undefined && !isSameAt(path, live ?? {}, result, isBuiltIn),
      )
      .map((path) => ({ manager: entry.manager, path })),
  );
  if (conflicts.length > 0 && !force) return { kind: "conflict", conflicts };
  const lost = new FieldSet(conflicts.map(({ path }) => path));
  const kept = others.map(({ entry, fields }) => ({ entry, fields: fields.without((path) => lost.has(path)) }));
  return {
    kind: "applied",
    object: withOwners(result, kept, { fields: said, previous: mine, position, context: opts }),
  };
}

/** Any other write: what it changed belongs to its manager now, what it removed belongs to nobody. */
export function updateFields(live: Fields | null, next: Fields, context: WriteContext): Fields {
  const { writer, isBuiltIn } = context;
  const before = live ?? {};
  const owners = ownersOf(live);
  const mine = owners.find((owner) => isWriter(owner.entry, writer));
  // Entries keep their places, or an unchanged write would be a change.
  const position = mine ? owners.indexOf(mine) : owners.length;
  const changed = ownable(fieldsOf(next, isBuiltIn), writer).without((path) => isSameAt(path, before, next, isBuiltIn));
  const isGone = (path: FieldPath) => valueAt(next, path, isBuiltIn) === undefined;
  const kept = owners
    .filter((owner) => owner !== mine)
    .map(({ entry, fields }) => ({ entry, fields: fields.without((path) => changed.has(path) || isGone(path)) }));
  const fields = new FieldSet([...(mine?.fields.without(isGone) ?? []), ...changed]);
  return withOwners(structuredClone(next), kept, { fields, previous: mine, position, context });
}

function ownersOf(live: Fields | null): Owner[] {
  const entries = (live?.metadata as { managedFields?: ManagedFields[] } | undefined)?.managedFields ?? [];
  return entries.map((entry) => ({ entry, fields: fromFieldsV1(entry.fieldsV1) }));
}

const isWriter = (entry: ManagedFields, writer: Writer): boolean =>
  entry.manager === writer.manager && entry.operation === writer.operation && entry.subresource === writer.subresource;

const UNOWNED_METADATA = new Set([
  "f:name",
  "f:namespace",
  "f:uid",
  "f:resourceVersion",
  "f:generation",
  "f:creationTimestamp",
  "f:deletionTimestamp",
  "f:managedFields",
]);

/** Identity and bookkeeping belong to nobody, and status to those who write status. */
const ownable = (fields: FieldSet, writer: Writer): FieldSet =>
  fields.without(([first = "", second = ""]) => {
    if (first === "f:status") return writer.subresource !== "status";
    if (writer.subresource === "status") return true;
    return (
      first === "f:apiVersion" ||
      first === "f:kind" ||
      (first === "f:metadata" && (second === "" || UNOWNED_METADATA.has(second)))
    );
  });

function withOwners(
  object: Fields,
  others: readonly Owner[],
  mine: { fields: FieldSet; previous: Owner | undefined; position: number; context: WriteContext },
): Fields {
  const { writer, apiVersion, time } = mine.context;
  const fieldsV1 = toFieldsV1(mine.fields);
  const isSame = JSON.stringify(mine.previous?.entry.fieldsV1) === JSON.stringify(fieldsV1);
  const entry: ManagedFields = { ...writer, apiVersion, time, fieldsV1 };
  const ours = isSame && mine.previous ? mine.previous.entry : entry;
  const owners: { entry: ManagedFields; size: number }[] = others.map(({ entry, fields }) => ({
    entry: { ...entry, fieldsV1: toFieldsV1(fields) },
    size: fields.size,
  }));
  // An applier that says nothing still applied: its next apply compares with that.
  owners.splice(mine.position, 0, { entry: ours, size: writer.operation === "Apply" ? 1 : mine.fields.size });
  const managedFields = owners.filter(({ size }) => size > 0).map((owner) => owner.entry);
  return { ...object, metadata: { ...(object.metadata as Fields), managedFields } };
}
