import { type AppName, type Digest, digest as digestSchema, formatApp } from "@muster/shared/model/ids.ts";
import { formatObject, objectKey } from "@muster/shared/model/object-ref.ts";
import { answered } from "../api/client.ts";
import type { CommandContext } from "../commands/command-context.ts";
import type { HubFlags } from "../connection/hub-address.ts";
import { EXIT, Failure } from "../failure.ts";
import { counted } from "../output/counted.ts";
import type { Paint } from "../output/paint.ts";
import { patchText } from "../output/patch-text.ts";
import { oneLine } from "../output/printable.ts";
import { type Fields, type ReadObject, readObjects, yamlText } from "./manifests-text.ts";

/** What one side of a comparison holds. */
export interface Side {
  /** `r41`, or where the files are from. */
  readonly title: string;
  readonly objects: readonly ReadObject[];
  /** Where objects go that name none. */
  readonly namespace: string;
}

export interface BundleDiff {
  readonly text: string;
  readonly created: number;
  readonly changed: number;
  readonly deleted: number;
}

/** `true` and `current`: what is assigned now; `r41` or `41`. @throws Failure for anything else. */
export function releaseToCompare(word: string | true): "current" | number {
  if (word === true || word === "current") return "current";
  const [, number] = /^r?([1-9]\d{0,8})$/.exec(word) ?? [];
  if (number !== undefined) return Number(number);
  throw new Failure(EXIT.usage, `"${oneLine(word)}" is no Release to compare with.`, {
    fix: "Write --diff for what the cluster has now, or --diff rN.",
  });
}

interface Wanted {
  readonly app: AppName;
  readonly cluster: string | null;
  readonly release: "current" | number;
}

/** What the hub has of an App for a cluster. @throws Failure as the hub says, or that there is no hub at hand. */
export async function fetchSide(context: CommandContext, flags: HubFlags, wanted: Wanted): Promise<Side> {
  try {
    return await fetchFrom(context, flags, wanted);
  } catch (error) {
    if (!(error instanceof Failure) || (error.exitCode !== EXIT.refused && error.exitCode !== EXIT.unreachable))
      throw error;
    const message = `--diff compares with what a hub has assigned: ${error.message}`;
    throw new Failure(error.exitCode, message, { fix: error.fix, cause: error });
  }
}

async function fetchFrom(context: CommandContext, flags: HubFlags, { app, cluster, release }: Wanted): Promise<Side> {
  return context.withHub(flags, async ({ api }) => {
    const call = api.GET("/v1/projects/{project}/apps/{name}/releases/{release}/bundle", {
      params: { path: { ...app, release }, query: cluster === null ? {} : { cluster } },
      parseAs: "arrayBuffer",
    });
    const bytes = new Uint8Array((await answered(call)) as unknown as ArrayBuffer);
    const { headers } = (await call).response;
    const digest: Digest = digestSchema.parse(headers.get("muster-digest"));
    return {
      title: `r${headers.get("muster-release")}`,
      objects: readObjects(bytes, digest),
      namespace: headers.get("muster-namespace") ?? "",
    };
  });
}

/** Prints what would change. @throws Failure with exit code 1 when that is anything. */
export function showDiff(
  { terminal }: Pick<CommandContext, "terminal">,
  { app, cluster, from, to }: { app: AppName; cluster: string | null; from: Side; to: Side },
): void {
  const diff = compareSides(from, to, terminal.paint);
  const where = cluster === null ? "" : ` on ${oneLine(cluster)}`;
  const title = `${oneLine(formatApp(app))}${where}`;
  const isMoved = from.namespace !== to.namespace;
  if (diff.text === "" && !isMoved) {
    terminal.warn(`${title}: nothing would change, ${counted(to.objects.length, "object")} as in ${from.title}.\n`);
    return;
  }
  terminal.write(diff.text);
  const { created, changed, deleted } = diff;
  const moved = isMoved ? `; objects without a namespace would go to ${to.namespace} and not to ${from.namespace}` : "";
  terminal.warn(
    `${title}, against ${from.title}: ${created} would be created, ${changed} changed, ${deleted} deleted${moved}.\n`,
  );
  throw new Failure(EXIT.failed, "");
}

/** One patch for each object that differs: those of `to` in their order, then those that only `from` has. */
export function compareSides(from: Side, to: Side, paint: Paint): BundleDiff {
  const before = new Map(from.objects.map((one) => [objectKey(one.ref), one]));
  const after = new Map(to.objects.map((one) => [objectKey(one.ref), one]));
  const counts = { created: 0, changed: 0, deleted: 0 };
  const patches: string[] = [];
  const compare = (was: ReadObject | undefined, is: ReadObject | undefined): void => {
    const [one, other] = withoutSecrets(was?.object, is?.object);
    const texts = { before: one === undefined ? "" : yamlText(one), after: other === undefined ? "" : yamlText(other) };
    if (texts.before === texts.after) return;
    counts[was === undefined ? "created" : is === undefined ? "deleted" : "changed"] += 1;
    const name = oneLine(formatObject((is ?? (was as ReadObject)).ref));
    patches.push(patchText(paint, { from: `${from.title}/${name}`, to: `here/${name}`, ...texts }));
  };
  for (const [key, is] of after) compare(before.get(key), is);
  for (const [key, was] of before) if (!after.has(key)) compare(was, undefined);
  return { text: patches.join(""), ...counts };
}

/** As `kubectl diff` does: that a secret value differs is told, and not what it is. */
function withoutSecrets(
  was: Fields | undefined,
  is: Fields | undefined,
): readonly [Fields | undefined, Fields | undefined] {
  const mask = (object: Fields | undefined, other: Fields | undefined, sign: string): Fields | undefined => {
    if (object === undefined || object.kind !== "Secret" || object.apiVersion !== "v1") return object;
    const masked = { ...object };
    for (const field of ["data", "stringData"]) {
      const values = fieldsOf(object[field]);
      const others = fieldsOf(other?.[field]);
      if (values === null) continue;
      masked[field] = Object.fromEntries(
        Object.entries(values).map(([key, value]) => {
          const isSame = others !== null && Object.hasOwn(others, key) && others[key] === value;
          const isAlone = others === null || !Object.hasOwn(others, key);
          return [key, isSame || isAlone ? "***" : `*** (${sign})`];
        }),
      );
    }
    return masked;
  };
  return [mask(was, is, "before"), mask(is, was, "after")];
}

const fieldsOf = (value: unknown): Fields | null =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : null;
