import { isDeepStrictEqual } from "node:util";
import { type FieldPath, FieldSet } from "./field-set.ts";
import { isAtomicMap, itemElements } from "./list-shape.ts";

export type Fields = Record<string, unknown>;

export const isMap = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Every field that the object says: leaves, atomic values, and the items of keyed lists. */
export function fieldsOf(object: Fields, isBuiltIn: boolean): FieldSet {
  const set = new FieldSet();
  const visit = (value: unknown, path: FieldPath) => {
    if (isMap(value) && !isAtomicMap(path, isBuiltIn)) {
      const entries = Object.entries(value);
      if (entries.length === 0) set.add(path);
      for (const [name, child] of entries) visit(child, [...path, `f:${name}`]);
      return;
    }
    const elements = Array.isArray(value) ? itemElements(value, path, isBuiltIn) : undefined;
    if (!elements) return set.add(path);
    elements.forEach((element, index) => {
      set.add([...path, element]);
      if (element.startsWith("k:")) visit((value as unknown[])[index], [...path, element]);
    });
  };
  for (const [name, value] of Object.entries(object)) visit(value, [`f:${name}`]);
  return set;
}

/** The value at a path, or undefined. */
export function valueAt(object: unknown, path: FieldPath, isBuiltIn: boolean): unknown {
  let value = object;
  path.forEach((element, index) => {
    if (element.startsWith("f:")) {
      value = isMap(value) ? value[element.slice(2)] : undefined;
    } else {
      const at = Array.isArray(value)
        ? (itemElements(value, path.slice(0, index), isBuiltIn) ?? []).indexOf(element)
        : -1;
      value = at < 0 ? undefined : (value as unknown[])[at];
    }
  });
  return value;
}

/** Whether a path means the same in both: an item of a keyed list by its being there, anything else by its value. */
export function isSameAt(path: FieldPath, a: Fields, b: Fields, isBuiltIn: boolean): boolean {
  const [left, right] = [valueAt(a, path, isBuiltIn), valueAt(b, path, isBuiltIn)];
  const isMember = !(path.at(-1) ?? "").startsWith("f:");
  if (isMember || (isMap(left) && isMap(right) && !isAtomicMap(path, isBuiltIn))) {
    return (left === undefined) === (right === undefined);
  }
  return isDeepStrictEqual(left, right);
}

/** Takes the path out, in place, and then what it left empty above itself. */
export function removeAt(object: Fields, path: FieldPath, isBuiltIn: boolean): void {
  for (let length = path.length; length > 0; length--) {
    const element = path[length - 1] as string;
    const parentPath = path.slice(0, length - 1);
    const parent = valueAt(object, parentPath, isBuiltIn);
    if (element.startsWith("f:")) {
      if (!isMap(parent) || isKeyOf(parentPath.at(-1), element)) return;
      delete parent[element.slice(2)];
      if (Object.keys(parent).length > 0) return;
    } else {
      if (!Array.isArray(parent)) return;
      const at = (itemElements(parent, parentPath, isBuiltIn) ?? []).indexOf(element);
      if (at >= 0) parent.splice(at, 1);
      if (parent.length > 0) return;
    }
  }
}

/** An item without its key is no item. */
const isKeyOf = (item: string | undefined, element: string): boolean =>
  item?.startsWith("k:") === true && element.slice(2) in JSON.parse(item.slice(2));

/** `patch` laid over `live`: maps by field, keyed lists by item, everything else as a whole. Neither is changed. */
export function merged(live: unknown, patch: unknown, path: FieldPath, isBuiltIn: boolean): unknown {
  if (isMap(live) && isMap(patch) && !isAtomicMap(path, isBuiltIn)) {
    const result: Fields = { ...live };
    for (const [name, value] of Object.entries(patch)) {
      result[name] = merged(live[name], value, [...path, `f:${name}`], isBuiltIn);
    }
    return result;
  }
  if (Array.isArray(live) && Array.isArray(patch)) {
    const [theirs, ours] = [itemElements(live, path, isBuiltIn), itemElements(patch, path, isBuiltIn)];
    if (theirs && ours)
      return mergedList({ items: live, elements: theirs }, { items: patch, elements: ours }, path, isBuiltIn);
  }
  return patch;
}

interface KeyedItems {
  readonly items: readonly unknown[];
  readonly elements: readonly string[];
}

/**
 * The patch's order for what it names; items that only the live list has stay before what followed them. Step by step
 * as Kubernetes' structured-merge-diff walks both lists, since the order of what is left is seen by everybody.
 */
function mergedList(live: KeyedItems, patch: KeyedItems, path: FieldPath, isBuiltIn: boolean): unknown[] {
  const [inLive, inPatch] = [new Set(live.elements), new Set(patch.elements)];
  const shared = patch.elements.filter((element) => inLive.has(element));
  const done = new Set<string>();
  const result: unknown[] = [];
  const take = (p: number) => {
    const element = patch.elements[p] as string;
    const at = live.elements.indexOf(element);
    const item = patch.items[p];
    result.push(at < 0 ? item : merged(live.items[at], item, [...path, element], isBuiltIn));
    done.add(element);
    if (shared[0] === element) shared.shift();
  };
  for (let l = 0, p = 0; l < live.items.length || p < patch.items.length; ) {
    const mine = live.elements[l];
    if (mine !== undefined && mine === patch.elements[p]) {
      take(p);
      l++;
      p++;
    } else if (
      mine !== undefined &&
      p < patch.items.length &&
      inPatch.has(mine) &&
      shared[0] !== mine &&
      shared.length > 0
    ) {
      // Named by the patch as well, but not its turn in the patch's order.
      l++;
    } else if (mine !== undefined && !inPatch.has(mine)) {
      result.push(live.items[l]);
      l++;
    } else {
      if (mine !== undefined && done.has(mine)) l++;
      if (p < patch.items.length) take(p++);
    }
  }
  return result;
}
