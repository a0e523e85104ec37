// Bundles one program into a folder that plain `node` can run without node_modules.
//
// Files that are named by `new URL("./name", import.meta.url)` come along: `*.worker.ts` (a thread) and `*-main.ts` (a process) are
// bundled as programs of their own, anything else (SQL, schemas) is copied. All outputs lie flat in one folder, so `./` is right from each of them.
import { copyFile, mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join, relative, resolve, sep } from "node:path";
import { build, type Plugin } from "esbuild";

export type ProgramToBundle = {
  /** The program's main.ts. */
  entry: string;
  /** Emptied first, then filled. */
  outFolder: string;
  /** Names of workers and assets in the output are made from their path below this folder. */
  sourceRoot: string;
};

export type BundledProgram = { files: string[]; workers: string[]; assets: string[] };

const urlOfNeighbour = /new URL\(\s*(["'])(\.{1,2}\/[^"']+)\1,\s*import\.meta\.url,?\s*\)/g;
const anyUrlFromHere = /new URL\([^()]*import\.meta\.url/g;

// CommonJS packages inside an ES module still expect these three.
const commonJsNames = `import { createRequire as bundledCreateRequire } from "node:module";
const require = bundledCreateRequire(import.meta.url);
const __filename = import.meta.filename;
const __dirname = import.meta.dirname;`;

/**
 * What `node main.js` loads first, in words that old versions of Node know. The program itself is imported only after
 * the check: a static import would be loaded, and fail with its whole minified text, before any line here ran.
 */
const frontDoor = (program: string): string => `const major = Number(process.versions.node.split(".")[0]);
if (major < ${NODE_MAJOR_MIN}) {
  process.stderr.write("Muster needs Node.js ${NODE_MAJOR_MIN} or newer; this is " + process.version + ".\\n");
  process.exitCode = 1;
} else {
  await import("./${program}");
}
`;

const NODE_MAJOR_MIN = 26;

export async function bundleProgram({ entry, outFolder, sourceRoot }: ProgramToBundle): Promise<BundledProgram> {
  await rm(outFolder, { recursive: true, force: true });
  await mkdir(outFolder, { recursive: true });
  await writeFile(
    join(outFolder, "package.json"),
    `${JSON.stringify({ type: "module", engines: { node: `>=${NODE_MAJOR_MIN}` } })}\n`,
  );
  await writeFile(join(outFolder, "main.js"), frontDoor("program.js"));

  const outputs = new Map<string, string>([[resolve(entry), "program.js"]]);
  const assets = new Map<string, string>();
  // A worker may start workers too: the list grows while it is walked, and a Map walks what was added.
  for (const [source, name] of outputs) {
    await build({
      entryPoints: [{ in: source, out: name.replace(/\.js$/, "") }],
      outdir: outFolder,
      bundle: true,
      // What is imported only when it is needed stays a file of its own: Node keeps the text of every loaded file in
      // memory, and a package such as the Kubernetes client has twenty megabytes of it.
      splitting: true,
      chunkNames: "chunk-[hash]",
      minifyWhitespace: true,
      platform: "node",
      target: "node26",
      format: "esm",
      mainFields: ["module", "main"],
      conditions: ["node", "import"],
      sourcemap: true,
      legalComments: "linked",
      banner: { js: commonJsNames },
      logLevel: "warning",
      plugins: [followNeighbours({ sourceRoot, outputs, assets })],
    });
  }
  for (const [source, name] of assets) await copyFile(source, join(outFolder, name));
  const [, ...workers] = outputs.values();
  return { files: ["main.js", ...outputs.values(), ...assets.values()], workers, assets: [...assets.values()] };
}

function followNeighbours(found: {
  sourceRoot: string;
  outputs: Map<string, string>;
  assets: Map<string, string>;
}): Plugin {
  return {
    name: "follow-neighbours",
    setup(setup) {
      setup.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
        // Packages bring their own ways of finding files; only our sources keep to the convention.
        if (path.includes(`${sep}node_modules${sep}`)) return undefined;
        const source = await readFile(path, "utf8");
        const problems: { text: string }[] = [];
        const neighbours = [...source.matchAll(urlOfNeighbour)].map((match) =>
          resolve(dirname(path), match[2] as string),
        );
        for (const neighbour of neighbours) {
          const isFile = await stat(neighbour).then(
            (found) => found.isFile(),
            () => false,
          );
          if (!isFile) problems.push({ text: `${path} names ${neighbour}, which is not a file` });
          else if (/(\.worker|-main)\.ts$/.test(neighbour)) found.outputs.set(neighbour, outputName(neighbour, ".js"));
          else found.assets.set(neighbour, outputName(neighbour, null));
        }
        if ([...source.matchAll(anyUrlFromHere)].length !== neighbours.length) {
          problems.push({ text: `${path}: the bundle can follow new URL("./literal", import.meta.url) only` });
        }
        const contents = source.replaceAll(urlOfNeighbour, (_, _quote, name: string) => {
          const target = resolve(dirname(path), name);
          return `new URL("./${found.outputs.get(target) ?? found.assets.get(target)}", import.meta.url)`;
        });
        return { contents, loader: "ts", resolveDir: dirname(path), errors: problems };
      });
    },
  };

  function outputName(path: string, extension: ".js" | null): string {
    const flat = relative(found.sourceRoot, path)
      .split(sep)
      .filter((part) => part !== "..")
      .join("-");
    return extension === null ? flat : flat.replace(/\.ts$/, extension);
  }
}
