import type { Problem } from "@muster/shared/model/problem.ts";
import { templateActions } from "./template-actions.ts";

export interface TemplateFile {
  /** As it is to be told. */
  readonly path: string;
  readonly text: string;
}

const RANDOM =
  "randAlphaNum randAlpha randNumeric randAscii randBytes randInt shuffle uuidv4 htpasswd bcrypt encryptAES " +
  "genCA genCAWithKey genSelfSignedCert genSelfSignedCertWithKey genSignedCert genSignedCertWithKey genPrivateKey";
const TIMED = "now ago";
/** Answered from what rendering does not have. */
const EMPTY = "lookup getHostByName";

type Impurity = "random" | "timed" | "empty";

const IMPURITIES: ReadonlyMap<string, Impurity> = new Map([
  ...RANDOM.split(" ").map((name) => [name, "random"] as const),
  ...TIMED.split(" ").map((name) => [name, "timed"] as const),
  ...EMPTY.split(" ").map((name) => [name, "empty"] as const),
]);

const BLOCKS = new Set(["if", "range", "with", "define", "block"]);
const NOTICES_MAX = 20;

interface Part {
  readonly uses: { readonly name: string; readonly path: string; readonly line: number }[];
  readonly includes: string[];
}

/**
 * Where templates are no function of their input. Named templates count only where something includes them, so that a
 * library of helpers is not blamed for what nobody uses. Files are added one by one, so that whoever adds many can let
 * others work in between.
 */
export class ImpurityScan {
  readonly #named = new Map<string, Part>();
  readonly #roots: Part[] = [];

  add(file: TemplateFile): void {
    const body = readParts(file, this.#named);
    if (!isPartial(file.path)) this.#roots.push(body);
  }

  /** Ordered by path and line. */
  notices(): readonly Problem[] {
    const notices = new Map<string, Problem>();
    const seen = new Set<string>();
    const open = [...this.#roots];
    for (let part = open.pop(); part !== undefined && notices.size < NOTICES_MAX; part = open.pop()) {
      for (const use of part.uses) {
        const key = `${use.path} ${use.name}`;
        if (!notices.has(key) && notices.size < NOTICES_MAX) notices.set(key, notice(use));
      }
      for (const name of part.includes) {
        const next = this.#named.get(name);
        if (next === undefined || seen.has(name)) continue;
        seen.add(name);
        open.push(next);
      }
    }
    return [...notices.values()].sort(byPlace);
  }
}

/** Helm renders no objects out of these; it only reads what they define. */
const isPartial = (path: string): boolean => {
  const name = path.slice(path.lastIndexOf("/") + 1);
  return name.startsWith("_") || name === "NOTES.txt";
};

/** What stands in the file itself; what it defines by name goes to `named`. */
function readParts({ path, text }: TemplateFile, named: Map<string, Part>): Part {
  const body: Part = { uses: [], includes: [] };
  // One entry for each block that is open: of a definition, the part that goes on after its end.
  const open: (Part | null)[] = [];
  let part = body;
  for (const { words, quoted, line } of templateActions(text)) {
    const [keyword = ""] = words;
    if (keyword === "define" || keyword === "block") {
      open.push(part);
      const name = quoted[0] ?? "";
      if (keyword === "block") part.includes.push(name);
      part = { uses: [], includes: [] };
      named.set(name, part);
    } else if (keyword === "end") part = open.pop() ?? part;
    else if (BLOCKS.has(keyword)) open.push(null);

    for (const word of words) if (IMPURITIES.has(word)) part.uses.push({ name: word, path, line });
    // Any text might be the name of what is included; those that are no names lead nowhere.
    if (words.includes("include") || words.includes("template")) part.includes.push(...quoted);
  }
  return body;
}

function notice({ name, path, line }: Part["uses"][number]): Problem {
  const where = { path, line };
  switch (IMPURITIES.get(name)) {
    case "empty":
      return {
        code: "NotReproducible",
        message: `${name} finds nothing here: charts are rendered without a cluster and without a network.`,
        where,
        fix: "Take what it would find from the values instead.",
      };
    case "timed":
      return {
        code: "NotReproducible",
        message: `${name} depends on the time of rendering, so that the same commit may give other objects another time.`,
        where,
        fix: "Take the time out, or give it as a value.",
      };
    default:
      return {
        code: "NotReproducible",
        message: `${name} gives something else at every render, so that the same commit may give other objects another time.`,
        where,
        fix: "Give the value yourself, so that the template need not make one up; for a secret, name one that exists.",
      };
  }
}

const byPlace = (one: Problem, other: Problem): number =>
  (one.where.path ?? "") < (other.where.path ?? "")
    ? -1
    : (one.where.path ?? "") > (other.where.path ?? "")
      ? 1
      : (one.where.line ?? 0) - (other.where.line ?? 0);
