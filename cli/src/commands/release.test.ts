import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { run } from "../run.ts";
import { anApp, aRelease, fakeHub, fakeTerminal, TOKEN } from "../testing/fake-hub.ts";

let folder: string;
let hub: Awaited<ReturnType<typeof fakeHub>>;
const app = "/v1/projects/storefront/apps/shop";
const cause = { kind: "renderer" as const, detail: "helm 4.3.1 → helm 4.4.0" };
const held = aRelease({ number: 43, held: true, cause, digest: null, objects: null, bytes: null, variants: 3 });

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "muster-cli-"));
  hub = await fakeHub({
    [`GET ${app}`]: { ...anApp(), placements: [] },
    [`GET ${app}/releases`]: { items: [held, aRelease()] },
    [`POST ${app}/releases/43/ship`]: { ...held, held: false },
    "GET /v1/projects/storefront/apps/calm/releases": { items: [aRelease()] },
  });
});
afterEach(async () => {
  await hub.close();
  await rm(folder, { recursive: true });
});

async function muster(words: string, options: Parameters<typeof fakeTerminal>[0] = {}) {
  await writeFile(join(folder, "ca.pem"), hub.root);
  const { terminal, said } = fakeTerminal(options);
  const env = { MUSTER_HUB: hub.url, MUSTER_TOKEN: TOKEN, MUSTER_CA_FILE: join(folder, "ca.pem") };
  const exitCode = await run(words.split(" "), { terminal, env, home: folder, version: "0.1.0" });
  return { exitCode, ...said };
}
const shipped = () => hub.calls.filter(({ method }) => method === "POST");

describe("release ship", () => {
  it("shows the newest Release that is held, asks, and lets it go", async () => {
    const { out, err, exitCode } = await muster("release ship storefront/shop --reason looked", { answer: true });
    expect(exitCode).toBe(0);
    expect(err).toBe("storefront/shop r43 (helm 4.3.1 → helm 4.4.0), 3 variants, goes to 40 clusters.\n");
    expect(out).toContain("Shipped storefront/shop r43.");
    expect(shipped()).toMatchObject([{ path: `${app}/releases/43/ship`, body: { reason: "looked" } }]);
  });

  it.each([
    ["release ship storefront/calm", 6, "has no Release that is held: r42 goes out by itself"],
    ["release ship storefront/shop r9", 3, "storefront/shop has no Release r9."],
    ["release ship storefront/shop newest", 2, '"newest" is no Release.'],
    ["release ship storefront/shop", 2, "Add --yes to mean it."],
  ])("%s: exit %i", async (words, code, told) => {
    const { err, exitCode } = await muster(words);
    expect([exitCode, err]).toEqual([code, expect.stringContaining(told)]);
    expect(shipped()).toEqual([]);
  });
});

describe("app history", () => {
  it("shows how many variants there are, and what is held", async () => {
    expect((await muster("app history storefront/shop")).out).toBe(
      `RELEASE  COMMIT                     VARIANTS  OBJECTS  CAUSE     STATE     AGE
    r43  4f2c9e1 Raise the timeout         3        -  renderer  held   60 min
    r42  4f2c9e1 Raise the timeout         1        7  commit           60 min
`,
    );
    const { out } = await muster("app history storefront/shop -o wide");
    expect(out).toContain("helm 4.3.1 → helm 4.4.0");
  });
});
