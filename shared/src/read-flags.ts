import type { z } from "zod";
import { AppError } from "./errors.ts";
import { nearestName } from "./nearest-name.ts";

/**
 * Configuration from flags (`--key value`, `--key=value`) over environment variables (`MUSTER_KEY`) over the schema's
 * defaults. Each key of the schema is both; an empty variable counts as absent.
 * @throws AppError "invalid" that names the key, and in `fix` what to write.
 */
export function readFlags<Schema extends z.ZodObject>(
  schema: Schema,
  given: {
    /** For messages: "the hub", "the agent". */
    readonly program: string;
    readonly argv: readonly string[];
    readonly env: Readonly<Record<string, string | undefined>>;
    readonly fixes: Readonly<Partial<Record<string, string>>>;
  },
): z.infer<Schema> {
  const { program, argv, env, fixes } = given;
  const keys = Object.keys(schema.shape);
  const values: Record<string, string> = {};
  for (const key of keys) {
    const value = env[variableOf(key)];
    if (value !== undefined && value !== "") values[key] = value;
  }
  for (let index = 0; index < argv.length; index += 1) {
    const [, flag = "", attached] = /^--([a-z-]+)(?:=(.*))?$/s.exec(argv[index] ?? "") ?? [];
    if (!keys.includes(flag)) {
      const nearest = nearestName(flag, keys);
      throw new AppError("invalid", `${JSON.stringify(argv[index])} is not a flag of ${program}.`, {
        fix: `${nearest === null ? "" : `Did you mean --${nearest}? `}The flags are: ${keys.map((key) => `--${key}`).join(" ")}`,
      });
    }
    if (attached === undefined) index += 1;
    const value = attached ?? argv[index];
    if (value === undefined) {
      throw new AppError("invalid", `--${flag} needs a value.`, { fix: `Write --${flag} VALUE.` });
    }
    values[flag] = value;
  }
  const parsed = schema.safeParse(values);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const key = String(issue?.path[0] ?? "");
  const what = values[key] === undefined ? "is missing" : `is wrong: ${issue?.message}`;
  throw new AppError("invalid", `--${key} (or ${variableOf(key)}) ${what}.`, { fix: fixes[key] ?? `Mend --${key}.` });
}

const variableOf = (key: string): string => `MUSTER_${key.replaceAll("-", "_").toUpperCase()}`;

/** Every flag with its variable, what it means and what it is when nothing is said. */
export function flagsText(schema: z.ZodObject, program: string): string {
  const lines = flagsOf(schema).map(({ flag, variable, meaning, isRequired, fallback }) => {
    const end = isRequired ? "Required." : fallback === "" ? "" : `Default: ${fallback}.`;
    const text = [meaning === "" ? "" : `${capital(meaning)}.`, end].filter((part) => part !== "").join(" ");
    return `  ${flag}  ${variable}\n      ${text}`;
  });
  return `Flags of ${program}, each also an environment variable:\n\n${lines.join("\n")}\n`;
}

/** The same as a table of Markdown, for the reference. */
export function flagsTable(schema: z.ZodObject): string {
  const rows = flagsOf(schema).map(({ flag, variable, meaning, isRequired, fallback }) => {
    const shown = isRequired ? "required" : fallback === "" ? "" : `\`${fallback}\``;
    return `| \`${flag}\` | \`${variable}\` | ${shown} | ${meaning.replaceAll("|", "\\|")} |\n`;
  });
  return `| flag | variable | default | meaning |\n| --- | --- | --- | --- |\n${rows.join("")}`;
}

const flagsOf = (schema: z.ZodObject) =>
  Object.entries(schema.shape).map(([key, value]) => {
    const { defaultValue } = value.def as { defaultValue?: unknown };
    return {
      flag: `--${key}`,
      variable: variableOf(key),
      meaning: value.description ?? "",
      isRequired: !value.safeParse(undefined).success,
      fallback: defaultValue === undefined ? "" : String(defaultValue),
    };
  });

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
