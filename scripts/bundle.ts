// `npm run bundle`: hub, agent and cli as plain JavaScript in dist/, for images and for people without the sources.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { bundleProgram } from "./bundle-program.ts";
import { repositoryRoot } from "./repository.ts";

for (const program of ["hub", "agent", "cli"]) {
  const entry = join(repositoryRoot, program, "src/main.ts");
  if (!existsSync(entry)) {
    console.log(`bundle: ${program} has no src/main.ts yet`);
    continue;
  }
  const { workers, assets } = await bundleProgram({
    entry,
    outFolder: join(repositoryRoot, "dist", program),
    sourceRoot: repositoryRoot,
  });
  console.log(`bundle: dist/${program}/main.js, ${workers.length} worker(s), ${assets.length} asset(s)`);
}
