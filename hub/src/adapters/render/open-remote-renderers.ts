import { traceChart } from "./helm/trace-chart.ts";
import { traceKustomization } from "./kustomize/trace-kustomization.ts";
import type { OpenRenderers } from "./open-renderers.ts";
import { createPlainRenderer } from "./plain/create-plain-renderer.ts";
import {
  createRemoteRenderers,
  type RemoteRenderersOptions,
  type RendererAddress,
} from "./remote/create-remote-renderers.ts";

/**
 * All renderers, kustomize and helm in another process (`renderer-main.ts`).
 * @throws AppError "unavailable" when it cannot be reached, "unsupported" when it is of another time.
 */
export async function openRemoteRenderers(
  address: RendererAddress,
  { where }: Pick<RemoteRenderersOptions, "where">,
): Promise<OpenRenderers> {
  const { renderers, close } = await createRemoteRenderers({
    address,
    where,
    tracers: { helm: traceChart, kustomize: traceKustomization },
  });
  return { renderers: { plain: createPlainRenderer(), ...renderers }, close };
}
