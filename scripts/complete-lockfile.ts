// `npm run lockfile`: writes into package-lock.json the platform packages that npm left out.
//
// Tools such as biome and turbo come as one optional package per platform. Some registries serve only the platforms in
// use; npm then drops the others from the lockfile, and `npm ci` refuses the lockfile that `npm install` wrote. With
// the names and versions back in it, `npm ci` works there, and on other platforms too. They carry no integrity hash,
// since nobody here could download them; a registry that has them supplies it.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { completeLockfile, type Lockfile } from "./platform-packages.ts";
import { repositoryRoot } from "./repository.ts";

const { values: options } = parseArgs({ options: { check: { type: "boolean", default: false } } });
const path = join(repositoryRoot, "package-lock.json");
const lockfile = JSON.parse(readFileSync(path, "utf8")) as Lockfile;
const { completed, added } = completeLockfile(lockfile);
for (const name of added) console.log(`missing platform package: ${name}`);
if (options.check && added.length > 0) {
  console.error("package-lock.json is not complete; run `npm run lockfile` and commit");
  process.exitCode = 1;
} else if (added.length > 0) {
  writeFileSync(path, `${JSON.stringify(completed, null, 2)}\n`);
}
