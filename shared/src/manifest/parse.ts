import type { ObjectRef } from "../model/object-ref.ts";
import type { Problem } from "../model/problem.ts";
import { checkObject, type KubernetesObject, problemOf } from "./check-object.ts";
import { readYaml, type YamlDocument } from "./read-yaml.ts";
import type { Substitution } from "./substitute-scalar.ts";
import { YAML_LIMITS, type YamlLimits } from "./yaml-limits.ts";

export interface ManifestFile {
  /** As people know it: relative to the repository or to where they stand. */
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** Where an object is written. */
export interface ManifestPlace {
  readonly path: string;
  /** 1-based. */
  readonly line: number;
  /** 1-based number of the YAML document in the file. */
  readonly document: number;
}

export interface Manifest {
  readonly object: KubernetesObject;
  readonly ref: ObjectRef;
  readonly place: ManifestPlace;
}

export interface ParsedManifests {
  readonly manifests: readonly Manifest[];
  readonly problems: readonly Problem[];
}

export interface ParseOptions {
  readonly limits?: Partial<YamlLimits>;
  /** Stops collecting after so many; 20 unless told. */
  readonly problemsMax?: number;
  /** Null or absent: `${…}` is text like any other. */
  readonly substitution?: Substitution | null;
}

/**
 * The Kubernetes objects of one YAML or JSON file, as kubectl would read them, with `List`s taken apart. Never throws
 * for what is in the file: everything that is wrong comes back as a problem with path, line and document.
 */
export function parseManifests(file: ManifestFile, options: ParseOptions = {}): ParsedManifests {
  const limits = { ...YAML_LIMITS, ...options.limits };
  const problemsMax = options.problemsMax ?? 20;
  const manifests: Manifest[] = [];
  const problems: Problem[] = [];

  const text = decode(file, limits);
  if (typeof text !== "string") return { manifests, problems: [text] };
  for (const document of readYaml(text, limits, options.substitution)) {
    if (problems.length >= problemsMax) break;
    if (document.kind === "broken") {
      const { code, message, fix, line, number } = document;
      const where = { path: file.path, line, document: number };
      problems.push({ code, message, where, ...(fix === undefined ? {} : { fix }) });
    } else if (document.substitutionFaults.length > 0) {
      addSubstitutionFaults(document);
    } else if (document.value !== null) {
      addObject(document, document.value, document.value, 0);
    }
  }
  return { manifests, problems };

  function addSubstitutionFaults({ number, substitutionFaults }: YamlDocument): void {
    for (const { code, message, fix, line, path } of substitutionFaults.slice(0, problemsMax - problems.length)) {
      const field = path.length > 0 ? { field: path.join(".") } : {};
      problems.push({ code, message, fix, where: { path: file.path, line, document: number, ...field } });
    }
  }

  /** `written` is what stands in the file, which `value` may complete. */
  function addObject(document: YamlDocument, value: unknown, written: unknown, depth: number): void {
    if (problems.length >= problemsMax) return;
    const list = listOf(value);
    if (list && depth < LIST_DEPTH_MAX) {
      for (const item of list.items) addObject(document, completeItem(item, list), item, depth + 1);
      return;
    }
    const checked = checkObject(value);
    if (checked.kind === "object") {
      const place = { path: file.path, line: document.lineOf(written), document: document.number };
      manifests.push({ object: checked.object, ref: checked.ref, place });
      return;
    }
    for (const fault of checked.faults) {
      if (problems.length >= problemsMax) return;
      const line = document.lineOf(written, fault.path);
      const field = fault.path.length > 0 ? { field: fault.path.join(".") } : {};
      problems.push({ ...problemOf(fault), where: { path: file.path, line, document: document.number, ...field } });
    }
  }
}

const LIST_DEPTH_MAX = 3;

interface ObjectList {
  readonly items: readonly unknown[];
  /** What items of a typed list (`ConfigMapList`) are when they do not say so themselves; "" for a plain `List`. */
  readonly apiVersion: string;
  readonly itemKind: string;
}

/** A list as kubectl knows it. A kind of one's own that only ends in "List" has a name, and lists have none. */
function listOf(value: unknown): ObjectList | null {
  if (typeof value !== "object" || value === null) return null;
  const { apiVersion, kind, items, metadata } = value as Record<string, unknown>;
  if (typeof kind !== "string" || !kind.endsWith("List") || !Array.isArray(items)) return null;
  if (typeof metadata === "object" && metadata !== null && "name" in metadata) return null;
  return {
    items,
    apiVersion: kind !== "List" && typeof apiVersion === "string" ? apiVersion : "",
    itemKind: kind.slice(0, -"List".length),
  };
}

function completeItem(item: unknown, list: ObjectList): unknown {
  if (list.itemKind === "" || typeof item !== "object" || item === null || Array.isArray(item)) return item;
  const { apiVersion, kind } = item as Record<string, unknown>;
  if (apiVersion && kind) return item;
  return { ...item, apiVersion: apiVersion || list.apiVersion, kind: kind || list.itemKind };
}

function decode(file: ManifestFile, limits: YamlLimits): string | Problem {
  if (file.bytes.length > limits.fileBytesMax) {
    return {
      code: "FileTooLarge",
      message: `the file is ${formatMebibytes(file.bytes.length)}; at most ${formatMebibytes(limits.fileBytesMax)} are read.`,
      where: { path: file.path },
      fix: "Split it, or keep what is no manifest in another folder.",
    };
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(file.bytes);
  } catch {
    const before = new TextDecoder().decode(file.bytes).split("\ufffd", 1)[0] ?? "";
    return {
      code: "InvalidYaml",
      message: "the file is not text in UTF-8.",
      where: { path: file.path, line: before.split("\n").length },
      fix: "Save it as UTF-8.",
    };
  }
}

/** `4 MiB`, `4.2 MiB`; rounded up, so that a size above a limit never reads like the limit. */
export function formatMebibytes(bytes: number): string {
  return `${Math.ceil((bytes / 1024 ** 2) * 10) / 10} MiB`;
}
