import { AppError } from "@muster/shared/errors.ts";
import type { ResourceKind } from "../../ports/cluster-api.ts";
import { ApiRefusal } from "./errors.ts";
import type { Transport } from "./transport.ts";

interface ApiResourceList {
  readonly resources?: readonly { readonly name: string; readonly kind: string; readonly namespaced: boolean }[];
}

/** Which kinds the API server serves, asked once per API version and again for a kind that is not known. */
export interface Discovery {
  /** @throws AppError "unsupported" when the API server has no such kind. */
  resolve(apiVersion: string, kind: string): Promise<ResourceKind>;
  /** After an answer that contradicts what is remembered, such as a kind whose definition was deleted. */
  forget(apiVersion: string): void;
}

export function createDiscovery(transport: Transport, { timeoutMs }: { timeoutMs: number }): Discovery {
  const known = new Map<string, Map<string, ResourceKind>>();
  // Many objects of one new kind ask at once: one request answers all.
  const pending = new Map<string, Promise<Map<string, ResourceKind>>>();

  const ask = async (apiVersion: string): Promise<Map<string, ResourceKind>> => {
    try {
      const path = apiVersionPath(apiVersion);
      const { text } = await transport.request({
        method: "GET",
        path,
        subject: `kinds of ${apiVersion}`,
        timeoutMs,
        isRepeatable: true,
      });
      const kinds = kindsOf(apiVersion, JSON.parse(text) as ApiResourceList);
      known.set(apiVersion, kinds);
      return kinds;
    } catch (error) {
      if (!(error instanceof ApiRefusal && error.status === 404)) throw error;
      known.delete(apiVersion);
      return new Map();
    } finally {
      pending.delete(apiVersion);
    }
  };

  return {
    async resolve(apiVersion, kind) {
      const remembered = known.get(apiVersion)?.get(kind);
      if (remembered) return remembered;
      const asked = pending.get(apiVersion) ?? ask(apiVersion);
      pending.set(apiVersion, asked);
      const found = (await asked).get(kind);
      if (found) return found;
      throw new AppError("unsupported", `the cluster has no kind ${kind} in ${apiVersion}`, {
        fix: "Install the CustomResourceDefinition first, or use an apiVersion that this Kubernetes serves.",
      });
    },
    forget(apiVersion) {
      known.delete(apiVersion);
    },
  };
}

export function apiVersionPath(apiVersion: string): string {
  const parts = apiVersion.split("/").map(encodeURIComponent);
  return parts.length === 1 ? `/api/${parts[0]}` : `/apis/${parts.join("/")}`;
}

function kindsOf(apiVersion: string, list: ApiResourceList): Map<string, ResourceKind> {
  const kinds = new Map<string, ResourceKind>();
  for (const { name, kind, namespaced } of list.resources ?? []) {
    // `deployments/scale` is a sub-resource, with a kind of its own that is no object.
    if (name.includes("/") || kinds.has(kind)) continue;
    kinds.set(kind, { apiVersion, kind, plural: name, isNamespaced: namespaced });
  }
  return kinds;
}
