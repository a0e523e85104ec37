import type { Problem } from "@muster/shared/model/problem.ts";
import type { Labels } from "@muster/shared/model/selector.ts";
import {
  definitionKey,
  nameOf,
  type OwnedDefinition,
  type StoredDefinition,
  type StoredSource,
} from "../documents/definition.ts";
import { type ParsedDocument, problemAt, type WrittenDefinition } from "./parse-file.ts";

/** All that decides what a commit's definitions come to. */
export interface DefinitionFacts {
  readonly source: StoredSource;
  readonly commit: string;
  readonly documents: readonly ParsedDocument[];
  /** Files that could not be read at all. */
  readonly unread: readonly Problem[];
  /** Whether the Source was read in full at this very place before: what is missing was there then. */
  readonly isSamePlace: boolean;
  /** Why a definition is not this Source's to make; null: it is. */
  readonly judge: (written: WrittenDefinition) => Problem | null;
  /** What this Source owns now, and names of clusters whose labels it owns some of. */
  readonly owned: readonly StoredDefinition[];
  readonly labelled: readonly string[];
}

export interface OwnedWrite {
  readonly written: WrittenDefinition;
  readonly definition: OwnedDefinition;
}

export interface ClusterLabels {
  readonly cluster: string;
  readonly labels: Labels;
  /** Null: the commit says nothing of it any more. */
  readonly written: WrittenDefinition | null;
}

export interface DefinitionPlan {
  /** In the order in which they are to be stored. */
  readonly writes: readonly OwnedWrite[];
  readonly labels: readonly ClusterLabels[];
  /** In the order in which they are to go. */
  readonly deletions: readonly StoredDefinition[];
  /** Held elsewhere before: the API's from now on, since their absence here says nothing. */
  readonly handBacks: readonly StoredDefinition[];
  readonly handBackLabels: readonly string[];
  readonly problems: readonly Problem[];
  /** What was handed back, told for as long as the commit is the Source's Revision. */
  readonly notice: Problem | null;
  /** The commit was read in full, and everything in it is right: what it lacks is meant to be gone. */
  readonly isComplete: boolean;
  /** Documents that were found. */
  readonly documents: number;
}

const ORDER: readonly OwnedDefinition["kind"][] = ["Project", "Source", "AppSet", "App"];

/**
 * A commit's definitions → what is to be stored and deleted. Good documents count whatever else is in the commit; a bad
 * one leaves its last good version in force. A deletion follows only from a commit that was read in full, in which
 * every document is right, and at a place where the definition was found before. Pure.
 */
export function planDefinitions(facts: DefinitionFacts): DefinitionPlan {
  const written = facts.documents.flatMap((document) => ("problem" in document ? [] : [document]));
  const broken = facts.documents.flatMap((document) => ("problem" in document ? [document.problem] : []));
  const problems: Problem[] = [...facts.unread, ...broken];
  const good: WrittenDefinition[] = [];
  const named = Map.groupBy(written, keyOf);
  for (const sharers of named.values()) {
    const [first, second] = sharers as [WrittenDefinition, WrittenDefinition | undefined];
    if (second !== undefined) {
      problems.push(definedTwice(first, second));
      continue;
    }
    const refusal = facts.judge(first);
    if (refusal === null) good.push(first);
    else problems.push(refusal);
  }
  const isEmpty = written.length === 0 && problems.length === 0;
  if (isEmpty) problems.push(nothingThere(facts));
  const isComplete = problems.length === 0;
  const missing = facts.owned.filter(({ definition }) => !named.has(definitionKey(definition)));
  const unlabelled = facts.labelled.filter((cluster) => !named.has(`cluster/${cluster}`));
  const brokenKeys = new Set(facts.documents.map((document) => ("problem" in document ? document.key : null)));
  const places = [
    ...missing.map(({ definition }) => definitionKey(definition)),
    ...unlabelled.map((cluster) => `cluster/${cluster}`),
  ].filter((key) => !brokenKeys.has(key));
  if (places.length > 0 && !isComplete && !isEmpty) problems.push(kept(facts, places, false));
  const goes = isComplete && facts.isSamePlace;
  const isMoved = isComplete && !facts.isSamePlace;
  return {
    writes: good
      .flatMap((one) => (one.definition.kind === "Cluster" ? [] : [{ written: one, definition: one.definition }]))
      .sort((a, b) => ORDER.indexOf(a.definition.kind) - ORDER.indexOf(b.definition.kind)),
    labels: [
      ...good.flatMap((one): ClusterLabels[] => {
        if (one.definition.kind !== "Cluster") return [];
        const { name, labels = {} } = one.definition.metadata;
        return [{ cluster: name, labels, written: one }];
      }),
      ...(goes ? unlabelled.map((cluster) => ({ cluster, labels: {}, written: null })) : []),
    ],
    deletions: goes
      ? [...missing].sort((a, b) => ORDER.indexOf(b.definition.kind) - ORDER.indexOf(a.definition.kind))
      : [],
    handBacks: isMoved ? missing : [],
    handBackLabels: isMoved ? unlabelled : [],
    problems,
    notice: isMoved && places.length > 0 ? kept(facts, places, true) : null,
    isComplete,
    documents: written.length + broken.length,
  };
}

const keyOf = ({ definition }: WrittenDefinition): string =>
  definition.kind === "Cluster" ? `cluster/${definition.metadata.name}` : definitionKey(definition);

function definedTwice(first: WrittenDefinition, second: WrittenDefinition): Problem {
  return problemAt(second, {
    code: "DefinitionInvalid",
    message: `it is defined twice: in ${first.path}:${first.line} too. Neither is taken, and what is in force stays.`,
    field: "metadata.name",
    fix: "Take one of them out.",
  });
}

function nothingThere({ source, commit, owned }: DefinitionFacts): Problem {
  const path = source.definition.spec.definitions?.path ?? "";
  const count = owned.length === 1 ? "The definition" : `The ${owned.length} definitions`;
  const stays = owned.length === 0 ? "" : ` ${count} that came from it stay as they are: nothing is deleted.`;
  return {
    code: "DefinitionsMissing",
    message: `There is no definition below ${path === "" ? "the root" : path} at commit ${short(commit)}.${stays}`,
    where: { commit, path, field: "spec.definitions.path" },
    fix: "Change spec.definitions.path of the Source. To mean it: take spec.definitions out of the Source, then delete each with muster delete.",
  };
}

function kept({ source, commit }: DefinitionFacts, keys: readonly string[], isMoved: boolean): Problem {
  const shown = keys
    .slice(0, 3)
    .map((key) => key.replace("/", " "))
    .join(", ");
  const more = keys.length > 3 ? ` and ${keys.length - 3} more` : "";
  const { project, name } = nameOf(source);
  return {
    code: "DefinitionKept",
    message: isMoved
      ? `${shown}${more}: not where Source ${project}/${name} is read from now (commit ${short(commit)}). Nothing is deleted by that: from now on the API holds them.`
      : `${shown}${more}: in no file of commit ${short(commit)} any more. Nothing is deleted, because not everything in that commit is right.`,
    where: { commit },
    fix: isMoved
      ? "Delete what is not wanted with muster delete, or commit it here and hand it over with muster handover."
      : "Mend the other problems; then what is missing is deleted.",
  };
}

const short = (commit: string): string => commit.slice(0, 7);

/** For people: what a plan comes to, in one line of a log. */
export const countsOf = ({ writes, labels, deletions, problems }: DefinitionPlan): Record<string, number> => ({
  documents: writes.length + labels.length,
  deletions: deletions.length,
  problems: problems.length,
});
