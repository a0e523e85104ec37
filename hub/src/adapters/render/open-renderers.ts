import { type Log, silentLog } from "@muster/shared/log.ts";
import type { Renderer, RendererKind } from "../../ports/renderer.ts";
import { createHelmRenderer } from "./helm/create-helm-renderer.ts";
import { createKustomizeRenderer } from "./kustomize/create-kustomize-renderer.ts";
import { missingTool } from "./missing-tool.ts";
import { createPlainRenderer } from "./plain/create-plain-renderer.ts";
import { Sandbox } from "./sandbox.ts";

export interface RenderersOptions {
  /** For sandboxes; belongs to these renderers alone. What is in it at the start goes. */
  readonly directory: string;
  /** Path of the binary; null: the one on the path, if there is one. */
  readonly helm: string | null;
  readonly kustomize: string | null;
  /** Processes at the same time. A few more start for repositories that have none running. */
  readonly processesMax: number;
  readonly log?: Log;
}

export type Renderers = Readonly<Record<RendererKind, Renderer>>;

export interface OpenRenderers {
  readonly renderers: Renderers;
  close(): Promise<void>;
}

/**
 * All renderers, on this machine.
 * @throws AppError "invalid" when a binary was named and cannot be run.
 */
export async function openRenderers(options: RenderersOptions): Promise<OpenRenderers> {
  const log = options.log ?? silentLog;
  const sandbox = await Sandbox.open({ directory: options.directory, processesMax: options.processesMax, log });
  try {
    const [helm, kustomize] = await Promise.all([
      sandbox.openTool({ name: "helm", path: options.helm, versionArguments: ["version", "--template={{.Version}}"] }),
      sandbox.openTool({ name: "kustomize", path: options.kustomize, versionArguments: ["version"] }),
    ]);
    const renderers: Renderers = {
      plain: createPlainRenderer(),
      kustomize:
        kustomize === null
          ? missingTool("kustomize", { name: "kustomize", install: "kustomize 5" })
          : createKustomizeRenderer({ sandbox, tool: kustomize }),
      helm:
        helm === null
          ? missingTool("helm", { name: "helm", install: "helm 4 (or 3.18 and later)" })
          : createHelmRenderer({ sandbox, tool: helm }),
    };
    for (const { kind, version, isolation } of Object.values(renderers))
      log.info({ kind, version, isolation }, "renderer");
    return { renderers, close: () => sandbox.close() };
  } catch (error) {
    await sandbox.close();
    throw error;
  }
}
