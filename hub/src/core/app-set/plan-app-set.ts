import { formatApp } from "@muster/shared/model/ids.ts";
import type { Problem } from "@muster/shared/model/problem.ts";
import { nameOf, type StoredApp, type StoredAppSet } from "../documents/definition.ts";
import { type ExpandedApp, expandAppSet, type GeneratorItem } from "./expand.ts";

export interface AppSetFacts {
  readonly set: StoredAppSet;
  readonly items: readonly GeneratorItem[];
  /** Items that are there and cannot be read, by name. */
  readonly unread: readonly { readonly item: string; readonly problem: Problem }[];
  /** Apps that the set owns, with the item that each comes from. */
  readonly owned: readonly { readonly app: StoredApp; readonly item: string }[];
}

export interface AppSetPlan {
  readonly writes: readonly ExpandedApp[];
  readonly deletions: readonly StoredApp[];
  readonly problems: readonly Problem[];
}

/**
 * What an AppSet's items come to. An App goes when its item is gone, or gives an App of another name now; one whose item
 * is broken stays. Nothing at all is found by a mistyped pattern as well as by an empty directory, so it deletes
 * nothing. Pure.
 */
export function planAppSet({ set, items, unread, owned }: AppSetFacts): AppSetPlan {
  const unreadProblems = unread.map(({ problem }) => problem);
  if (items.length === 0 && unread.length === 0) {
    return { writes: [], deletions: [], problems: owned.length === 0 ? [] : [nothingMatched(set, owned.length)] };
  }
  const { apps, problems, broken } = expandAppSet(set.definition, items);
  const names = new Set(apps.map(({ definition }) => definition.metadata.name));
  const stays = new Set([...broken, ...unread.map(({ item }) => item)]);
  return {
    writes: apps,
    deletions: owned.flatMap(({ app, item }) => (names.has(nameOf(app).name) || stays.has(item) ? [] : [app])),
    problems: [...unreadProblems, ...problems],
  };
}

function nothingMatched(set: StoredAppSet, count: number): Problem {
  const name = formatApp(nameOf(set));
  const apps = count === 1 ? "its App stays" : `its ${count} Apps stay`;
  return {
    code: "NothingMatched",
    message: `AppSet ${name} finds nothing (${describeGenerator(set)}), and ${apps}: nothing is deleted by that.`,
    where: { field: "spec.generator" },
    fix: `Correct the pattern. To mean it: muster delete appset ${name}`,
  };
}

/** `directories apps/* of fleet`, `values of label region` */
export function describeGenerator({ definition }: StoredAppSet): string {
  const { directories, files, clusterLabel } = definition.spec.generator;
  if (clusterLabel !== undefined) return `values of label ${clusterLabel.key}`;
  const paths = directories ?? files;
  return `${directories === undefined ? "files" : "directories"} ${paths?.path} of ${paths?.source}`;
}
