import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { openDirectoryTree } from "@muster/hub/adapters/directory/directory-tree.ts";
import type { AppRenderer } from "@muster/hub/create-app-renderer.ts";
import type { SourceTree } from "@muster/hub/ports/source-tree.ts";
import type { SourceDefinition } from "@muster/shared/model/definitions/source.ts";
import { type AppName, formatApp } from "@muster/shared/model/ids.ts";
import { EXIT, Failure } from "../failure.ts";
import type { Definitions } from "./find-definitions.ts";

/** Where files are taken from, in words, and what of their problems' places is known. */
export interface Origin {
  readonly tree: SourceTree;
  /** `.`, or `https://… at 4f2c9e1`. */
  readonly title: string;
  readonly commit: string | null;
  /** Null: it is not defined, and a checkout takes its place. */
  readonly source: SourceDefinition | null;
}

/** The files of Sources, each found once: a checkout where one was named, otherwise what Git has. */
export interface Origins {
  /** `isOwn`: the Source that the App is of, which `--local` stands for. @throws Failure when it is nowhere. */
  of(source: AppName, opts: { isOwn: boolean }): Promise<Origin>;
}

export function createOrigins(given: {
  readonly renderer: Pick<AppRenderer, "fetch">;
  readonly definitions: Pick<Definitions, "source" | "where">;
  /** `--local`; null: none. */
  readonly local: string | null;
  /** `--local-source`: folders by the name of the Source. */
  readonly locals: ReadonlyMap<string, string>;
  readonly signal: AbortSignal;
}): Origins {
  const { renderer, definitions, local, locals, signal } = given;
  const found = new Map<string, Promise<Origin>>();

  async function open(name: AppName, isOwn: boolean): Promise<Origin> {
    const folder = (isOwn ? local : null) ?? locals.get(name.name);
    const source = await definitions.source(name);
    if (folder !== undefined) return checkout(folder, source);
    if (source !== null) return fetched(renderer, source, signal);
    const flag = isOwn ? "--local DIR" : `--local-source ${name.name}=DIR`;
    throw new Failure(EXIT.notFound, `There is no Source ${formatApp(name)} ${definitions.where}.`, {
      fix: `Define it, or render a checkout of it with ${flag}.`,
    });
  }

  return {
    of(name, { isOwn }) {
      const key = `${formatApp(name)} ${isOwn}`;
      const known = found.get(key) ?? open(name, isOwn);
      found.set(key, known);
      return known;
    },
  };
}

async function checkout(folder: string, source: SourceDefinition | null): Promise<Origin> {
  const found = await stat(folder).catch(() => null);
  if (found?.isDirectory() !== true) throw new Failure(EXIT.usage, `There is no folder ${folder}.`);
  const tree = openDirectoryTree(resolve(folder), { submodules: source?.spec.git?.submodules === true });
  return { tree, title: folder, commit: null, source };
}

async function fetched(
  renderer: Pick<AppRenderer, "fetch">,
  source: SourceDefinition,
  signal: AbortSignal,
): Promise<Origin> {
  const { tree, revision, subject } = await renderer.fetch(source, { signal });
  const url = source.spec.git?.url ?? source.spec.oci?.url ?? "";
  return { tree, title: `${url} at ${revision.slice(0, 7)} "${subject}"`, commit: revision, source };
}
