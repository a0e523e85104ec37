/** The renderers' contract against the real helm and kustomize. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openRenderers } from "@muster/hub/adapters/render/open-renderers.ts";
import { rendererContract } from "@muster/hub/ports/renderer.contract.ts";
import { describe } from "vitest";
import { binaryPath, isBuilt } from "../control-plane/build/cache-folder.ts";
import { tools } from "../control-plane/versions.ts";

const areBuilt = isBuilt(tools.helm) && isBuilt(tools.kustomize);

describe.skipIf(!areBuilt)("renderers of this machine (npm run control-plane -- build helm kustomize)", () => {
  rendererContract(
    async () => {
      const base = mkdtempSync(join(tmpdir(), "muster-renderers-"));
      const opened = await openRenderers({
        directory: join(base, "render"),
        helm: binaryPath(tools.helm, "helm"),
        kustomize: binaryPath(tools.kustomize, "kustomize"),
        processesMax: 2,
      });
      const close = async () => {
        await opened.close();
        rmSync(base, { recursive: true });
      };
      return { ...opened, close };
    },
    { withTools: true },
  );
});
