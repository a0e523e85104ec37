// `npm run bundle`: hub, renderer, agent and cli as plain JavaScript in dist/, for images and for people without the sources.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { bundleProgram } from "./bundle-program.ts";
import { repositoryRoot } from "./repository.ts";

const entries = {
  hub: "hub/src/main.ts",
  renderer: "hub/src/renderer-main.ts",
  agent: "agent/src/main.ts",
  cli: "cli/src/main.ts",
};

for (const [program, path] of Object.entries(entries)) {
  const entry = join(repositoryRoot, path);
  if (!existsSync(entry)) {
    console.log(`bundle: ${program} has no ${path} yet`);
    continue;
  }
  const { workers, assets } = await bundleProgram({
    entry,
    outFolder: join(repositoryRoot, "dist", program),
    sourceRoot: repositoryRoot,
  });
  console.log(`bundle: dist/${program}/main.js, ${workers.length} worker(s), ${assets.length} asset(s)`);
}
