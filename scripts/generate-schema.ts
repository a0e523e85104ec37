// Writes docs/reference/schema from the definitions' zod schemas: JSON Schema for editors.
//
//   npm run generate           write
//   npm run generate:check     fail if the committed files are not what the model says
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { DEFINITION_SCHEMAS, definitionSchema } from "@muster/shared/model/definition-schema.ts";
import { compareFolders, replaceFolder } from "./generated-files.ts";
import { repositoryRoot } from "./repository.ts";

const { values: options } = parseArgs({
  options: {
    check: { type: "boolean", default: false },
    output: { type: "string", default: join(repositoryRoot, "docs/reference/schema") },
  },
});

const fresh = mkdtempSync(join(tmpdir(), "muster-schema-"));
try {
  for (const name of DEFINITION_SCHEMAS) {
    writeFileSync(join(fresh, `${name}.json`), `${JSON.stringify(definitionSchema(name), null, 2)}\n`);
  }
  const differences = await (options.check ? compareFolders : replaceFolder)(fresh, options.output);
  for (const { path, kind } of differences) console.log(`${kind}: ${path}`);
  if (options.check && differences.length > 0) {
    console.error("schema: the committed files are not what the model says; run `npm run generate` and commit");
    process.exitCode = 1;
  } else {
    console.log(`schema: ${differences.length === 0 ? "up to date" : `${differences.length} file(s) written`}`);
  }
} finally {
  rmSync(fresh, { recursive: true, force: true });
}
