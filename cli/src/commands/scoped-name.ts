import { name } from "@muster/shared/model/ids.ts";
import { EXIT, Failure } from "../failure.ts";

/** `shop` or `storefront/shop`; without a project, `--project` or `default` is meant. */
export function scopedName(text: string, project: string | undefined): { project: string; name: string } {
  const parts = text.split("/");
  const [scope, own] = parts.length === 2 ? parts : [project ?? "default", text];
  if (parts.length > 2 || !name.safeParse(scope).success || !name.safeParse(own).success) {
    throw new Failure(EXIT.usage, `"${text}" is no name.`, {
      fix: "Write NAME or PROJECT/NAME, in lower-case letters, digits and '-'.",
    });
  }
  return { project: scope as string, name: own as string };
}

/** `tier=prod` pairs; `key-` takes a label away where `allowRemoval` says so. */
export function labelChange(
  words: readonly string[],
  { allowRemoval }: { allowRemoval: boolean },
): { set: Record<string, string>; remove: string[] } {
  const set: Record<string, string> = {};
  const remove: string[] = [];
  for (const word of words) {
    const at = word.indexOf("=");
    if (at > 0) set[word.slice(0, at)] = word.slice(at + 1);
    else if (allowRemoval && at < 0 && word.length > 1 && word.endsWith("-")) remove.push(word.slice(0, -1));
    else {
      throw new Failure(EXIT.usage, `"${word}" is no label.`, {
        fix: allowRemoval ? "Write KEY=VALUE to set one, KEY- to take it away." : "Write KEY=VALUE.",
      });
    }
  }
  return { set, remove };
}
