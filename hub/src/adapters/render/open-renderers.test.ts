import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, vi } from "vitest";
import { rendererContract } from "../../ports/renderer.contract.ts";
import { openRenderers } from "./open-renderers.ts";

describe("renderers on a machine without helm and kustomize", () => {
  rendererContract(
    async () => {
      vi.stubEnv("PATH", "");
      const base = mkdtempSync(join(tmpdir(), "muster-renderers-"));
      const directory = join(base, "render");
      const opened = await openRenderers({ directory, helm: null, kustomize: null, processesMax: 2 });
      vi.unstubAllEnvs();
      const close = async () => {
        await opened.close();
        rmSync(base, { recursive: true });
      };
      return { ...opened, close };
    },
    { withTools: false },
  );
});
