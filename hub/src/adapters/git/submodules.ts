import { AppError } from "@muster/shared/errors.ts";

const SUBMODULES_MAX = 256;

/** `.gitmodules`: the path of each submodule and where its repository is, as it is written. */
export function parseGitmodules(text: string): ReadonlyMap<string, string> {
  const modules: { path?: string; url?: string }[] = [];
  let current: { path?: string; url?: string } | null = null;
  for (const line of text.split(/\r?\n/)) {
    if (/^\s*\[/.test(line)) {
      current = /^\s*\[submodule\s+"[^"]*"\]/i.test(line) ? {} : null;
      if (current !== null) modules.push(current);
      continue;
    }
    const [, key, value = ""] = /^\s*(path|url)\s*=\s*(.*?)\s*$/i.exec(line) ?? [];
    if (key !== undefined && current !== null) current[key.toLowerCase() as "path" | "url"] = unquoted(value);
  }
  if (modules.length > SUBMODULES_MAX) throw new AppError("too-large", `more than ${SUBMODULES_MAX} submodules`);
  return new Map(modules.flatMap(({ path, url }) => (path && url ? [[path.replace(/\/+$/, ""), url] as const] : [])));
}

const unquoted = (value: string): string =>
  value.startsWith('"') ? value.replace(/^"|"$/g, "").replace(/\\(.)/g, "$1") : value.replace(/\s+[#;].*$/, "");

/** Where a submodule is: `../lib.git` is beside the repository that names it. */
export function resolveSubmodule(repository: string, url: string): string {
  if (!/^\.\.?\//.test(url)) return url;
  let base = repository.replace(/\/+$/, "");
  let rest = url;
  let separator = "/";
  for (;;) {
    if (rest.startsWith("./")) rest = rest.slice(2);
    else if (rest.startsWith("../")) {
      rest = rest.slice(3);
      const cut = /^(.*)([/:])[^/:]*$/.exec(base);
      // `user@host:fleet.git`: beside it is `user@host:lib.git`.
      separator = cut?.[2] ?? "/";
      base = cut?.[1] ?? "";
    } else return `${base}${separator}${rest}`;
  }
}
