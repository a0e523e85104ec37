import type { Frame } from "./compose-yaml.ts";
import type { YamlPath } from "./read-yaml.ts";
import { addReferences, mayHaveVariables, type SubstitutionFault, substitute, type Variables } from "./substitute.ts";

/**
 * Variables in manifests stand in the words of YAML, not in its text: in keys and in values, quoted or not, never in
 * comments, and no value can add a key or an object. A value without quotes gets its type after it was substituted
 * (`replicas: ${REPLICAS:-3}` is a number), except where Kubernetes takes only text; what has quotes, and every key,
 * stays text.
 */
export interface Substitution {
  /** Null: nothing is substituted. */
  readonly values: Variables | null;
  /** Gets the names of the variables that are mentioned, where someone wants to know. */
  readonly references: Set<string> | null;
}

/** Leaves an object as it is written. A label of Flux's name says the same, as it does there. */
const LEFT_ALONE_BY = ["muster.dev/substitute", "kustomize.toolkit.fluxcd.io/substitute"] as const;

/** Whether a text may hold such an annotation at all. */
export const mayLeaveAlone = (text: string): boolean => LEFT_ALONE_BY.some((key) => text.includes(key));

export function isLeftAlone(object: object): boolean {
  const { metadata } = object as { metadata?: { annotations?: unknown; labels?: unknown } | null };
  if (typeof metadata !== "object" || metadata === null) return false;
  return [metadata.annotations, metadata.labels].some(
    (texts) =>
      typeof texts === "object" &&
      texts !== null &&
      LEFT_ALONE_BY.some((key) => (texts as Record<string, unknown>)[key] === "disabled"),
  );
}

export interface ScalarFault extends SubstitutionFault {
  /** Of the word in its text. */
  readonly offset: number;
  readonly path: YamlPath;
}

const FAULTS_MAX = 20;

/** Substitution in one document. Faults are collected: a person wants to see all names that are missing. */
export class SubstitutionScope {
  readonly faults: ScalarFault[] = [];
  readonly #substitution: Substitution;
  /** Events of objects that are left as they are, from first to before last. */
  readonly #leftAlone: readonly { readonly from: number; readonly to: number }[];

  constructor(substitution: Substitution, leftAlone: readonly { from: number; to: number }[]) {
    this.#substitution = substitution;
    this.#leftAlone = leftAlone;
  }

  /** The text with its variables written out; as it is where that cannot be. */
  substitute(text: string, event: number, at: { offset: number; frames: readonly Frame[] }): string {
    if (!mayHaveVariables(text)) return text;
    if (this.#leftAlone.some(({ from, to }) => event >= from && event < to)) return text;
    const { references, values } = this.#substitution;
    if (references !== null) addReferences(text, references);
    if (values === null) return text;
    const result = substitute(text, values);
    if (result.kind === "text") return result.text;
    if (this.faults.length < FAULTS_MAX) {
      this.faults.push({ ...result.fault, offset: at.offset, path: pathOf(at.frames) });
    }
    return text;
  }
}

const stepOf = (frame: Frame | undefined): string | number | null => {
  if (frame?.kind === "list") return (frame.value as unknown[]).length;
  return frame?.kind === "mapping" ? frame.key : null;
};

const pathOf = (frames: readonly Frame[]): YamlPath => frames.map(stepOf).filter((step) => step !== null);

const MAPS_OF_TEXT = new Set<unknown>(["labels", "annotations", "matchLabels", "nodeSelector"]);
const LISTS_OF_TEXT = new Set<unknown>(["args", "command"]);
const ROOT_MAPS_OF_TEXT = new Set<unknown>(["data", "stringData"]);

/**
 * Whether Kubernetes takes only text where the next value will stand, whatever the kind of the object. Kustomize takes
 * the quotes off `"${PORT}"`, so that what was meant as text would come as a number and be refused.
 */
export function takesOnlyText(frames: readonly Frame[]): boolean {
  const own = frames[frames.length - 1];
  const parent = stepOf(frames[frames.length - 2]);
  if (own?.kind === "list") return LISTS_OF_TEXT.has(parent);
  if (MAPS_OF_TEXT.has(parent)) return true;
  // An object's own `data`: at the root, or in an item of a List.
  if (ROOT_MAPS_OF_TEXT.has(parent))
    return frames.length === 3 || (frames.length === 5 && stepOf(frames[1]) === "items");
  return own?.key === "value" && typeof parent === "number" && stepOf(frames[frames.length - 3]) === "env";
}
