import type { ValuesFile } from "@muster/shared/model/definitions/app.ts";
import type { VariantInput } from "../../core/variants.ts";
import type { RendererKind, RenderOptions, RenderRequest } from "../../ports/renderer.ts";

/** A variant's inputs as its renderer is asked for them. */
export function toRenderRequest(
  input: VariantInput,
  {
    kind,
    appName,
    chart,
    kubernetes,
  }: {
    kind: RendererKind;
    appName: string;
    chart: { readonly name: string; readonly version: string; readonly digest: string } | null;
    kubernetes: string;
  },
): RenderRequest {
  return {
    path: input.path
      .split("/")
      .filter((part) => part !== "" && part !== ".")
      .join("/"),
    options: optionsOf(input, { kind, appName, chart }),
    destination: { namespace: input.namespace },
    capabilities: {
      kubernetes: input.capabilities.kubernetes ?? kubernetes,
      apiVersions: input.capabilities.apiVersions,
    },
  };
}

function optionsOf(
  { render }: VariantInput,
  {
    kind,
    appName,
    chart,
  }: { kind: RendererKind; appName: string; chart: { name: string; version: string; digest: string } | null },
): RenderOptions {
  switch (kind) {
    case "plain": {
      const { include = [], exclude = [], recurse = true } = render.plain ?? {};
      return { kind, include, exclude, recurse };
    }
    case "kustomize":
      return { kind, remoteHosts: [] };
    case "helm": {
      const { values = [], valuesObject = {}, set = {}, includeCrds = true, releaseName = appName } = render.helm ?? {};
      return {
        kind,
        // Nothing beside: equal charts are equal work, and a renderer elsewhere takes no more than it knows.
        chart: chart === null ? null : { name: chart.name, version: chart.version, digest: chart.digest },
        releaseName,
        valuesFiles: values.map(toValuesFile),
        values: valuesObject,
        set,
        includeCrds,
        includeHooks: true,
      };
    }
  }
}

const toValuesFile = (file: ValuesFile): { source: string; path: string; isOptional: boolean } =>
  typeof file === "string"
    ? { source: "", path: file, isOptional: false }
    : { source: file.source ?? "", path: file.path, isOptional: file.optional };
