export type Mapping = Readonly<Record<string, unknown>>;

export const isMapping = (value: unknown): value is Mapping =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A patch that does not fit its object, and where in it. */
export class MergeRefusal extends Error {
  readonly path: readonly string[];
  constructor(path: readonly string[], message: string) {
    super(message);
    this.path = path;
  }
}

interface ListContext {
  readonly mergeKeys: readonly string[];
  readonly path: readonly string[];
  /** Merges two items; undefined when the patch deletes the item. */
  readonly merge: (item: Mapping, patch: Mapping, path: readonly string[]) => Mapping | undefined;
}

/** A list of words that is a set, like finalizers: what the patch says first, each word once. */
export function mergeWords(target: readonly unknown[], patch: readonly unknown[]): readonly unknown[] {
  return [...new Set([...patch, ...target])];
}

/**
 * A list whose items are known by keys, like containers: those of the patch first, in its order, each merged with the
 * item of the same keys; then the others as they were. Where it takes two keys to know an item, like ports, only new
 * ones stand first. That is kustomize's order, and of init containers the order matters.
 */
export function mergeItems(target: readonly unknown[], patch: readonly unknown[], context: ListContext): unknown[] {
  const { mergeKeys, path, merge } = context;
  const groups = new Map<string, Group>();
  for (const item of target) {
    // A list may hold one key twice before it is patched: the patch means all of them, and leaves one.
    const id = isMapping(item) ? idOf(item, mergeKeys, null) : JSON.stringify(item);
    const group = groups.get(id);
    if (group) group.items.push(item);
    else groups.set(id, { items: [item], isNew: false, isPatched: false });
  }
  const named: Group[] = [];
  for (const [index, item] of patch.entries()) {
    const at = [...path, String(index)];
    if (!isMapping(item)) throw new MergeRefusal(at, "an item of this list must be a mapping");
    if (item.$patch === "replace") throw new MergeRefusal(at, REPLACE_IN_ITEM);
    const id = idOf(item, mergeKeys, at);
    const group = groups.get(id) ?? { items: [], isNew: true, isPatched: false };
    groups.set(id, group);
    const merged = merge((group.items[0] ?? {}) as Mapping, item, at);
    group.items = merged === undefined ? [] : [merged];
    if (!group.isPatched) named.push(group);
    group.isPatched = true;
  }
  const all = [...target, ...patch].filter(isMapping);
  const usedKeys = mergeKeys.filter((key) => all.some((item) => Object.hasOwn(item, key)));
  const isFirst = usedKeys.length > 1 ? ({ isNew }: Group) => isNew : ({ isPatched }: Group) => isPatched;
  const rest = [...groups.values()].filter((group) => !isFirst(group));
  return [...named.filter(isFirst), ...rest].flatMap(({ items }) => items);
}

/** All items of one key. */
interface Group {
  items: unknown[];
  readonly isNew: boolean;
  isPatched: boolean;
}

const REPLACE_IN_ITEM =
  'kubectl and kustomize disagree about "$patch: replace" beside other fields of an item: to replace the whole list, ' +
  'write "- $patch: replace" as an item of its own; to replace this item alone, use a JSON patch';

/** What a key stands for when it is left out, where Kubernetes says so. */
const DEFAULTS: Readonly<Record<string, string>> = { protocol: "TCP" };

/** Null as `path`: an item of the object, of which nothing is demanded. */
function idOf(item: Mapping, mergeKeys: readonly string[], path: readonly string[] | null): string {
  const values = mergeKeys.map((key) => item[key] ?? DEFAULTS[key]);
  const missing = mergeKeys.find((_, index) => values[index] === undefined);
  if (missing !== undefined && path !== null) {
    throw new MergeRefusal(path, `this item has no "${missing}", by which items of this list are told apart`);
  }
  return JSON.stringify(values.map((value) => (value === undefined ? null : String(value))));
}

/**
 * As `$setElementOrder` wants it: what is named stands in that order; what is not keeps its place before or after what
 * it stood before or after.
 */
export function orderLike(
  target: readonly unknown[],
  order: readonly unknown[],
  mergeKeys: readonly string[],
  path: readonly string[],
): unknown[] {
  const id = (item: unknown): string =>
    mergeKeys.length > 0 && isMapping(item) ? idOf(item, mergeKeys, null) : JSON.stringify(item);
  const wanted = new Map(order.map((item, index) => [id(checked(item)), index]));
  const named = target.filter((item) => wanted.has(id(item)));
  named.sort((a, b) => (wanted.get(id(a)) as number) - (wanted.get(id(b)) as number));
  const others = target.filter((item) => !wanted.has(id(item)));
  const result: unknown[] = [];
  while (named.length > 0 && others.length > 0) {
    const isBefore = target.indexOf(others[0]) < target.indexOf(named[0]);
    result.push((isBefore ? others : named).shift());
  }
  return [...result, ...named, ...others];

  function checked(item: unknown): unknown {
    if (mergeKeys.length > 0 && !isMapping(item)) throw new MergeRefusal(path, "an item of this must be a mapping");
    return item;
  }
}
