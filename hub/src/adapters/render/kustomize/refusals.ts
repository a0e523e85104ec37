import { matchesAny } from "@muster/shared/glob.ts";
import type { YamlPath } from "@muster/shared/manifest/read-yaml.ts";
import type { Problem } from "@muster/shared/model/problem.ts";
import { isRecord } from "../read-config-file.ts";
import { type Place, quote } from "../trace-paths.ts";

/** The host that a reference would be fetched from, as kustomize reads addresses; null for a path. `isCertain`: even if a
 *  file of that name were there, kustomize would fetch. */
export function remoteHostOf(written: string): { readonly name: string; readonly isCertain: boolean } | null {
  const address = written.replace(/^git::/i, "");
  const isForced = address !== written;
  const url = /^[a-z][a-z0-9+.-]*:\/\/(?:[^/?#]*@)?(\[[^\]]*\]|[^/:?#]*)/i.exec(address);
  if (url !== null) return { name: url[1] || "this machine", isCertain: true };
  const scp = /^[^/\s@]+@([^/:\s]+)[:/]/.exec(address);
  if (scp !== null) return { name: scp[1] as string, isCertain: true };
  const shorthand = /^((?:www\.)?github\.com)[:/]/i.exec(address);
  if (shorthand !== null) return { name: shorthand[1] as string, isCertain: isForced };
  const looksLike = /^([a-z0-9-]+(?:\.[a-z0-9-]+)+)(?::\d+)?\/.*(?:\.git(?:\/|\?|$)|\?ref=|\/\/)/i.exec(address);
  if (looksLike !== null) return { name: looksLike[1] as string, isCertain: isForced };
  return isForced ? { name: address.split("/", 1)[0] || "an unknown host", isCertain: true } : null;
}

export function remoteRefused(written: string, host: string, allowed: readonly string[], place: Place): Problem {
  const isAllowed = matchesAny(allowed)(host);
  const shown = quote(written.replace(/\/\/[^/@]*@/, "//"));
  return {
    code: "RemoteRefused",
    message: isAllowed
      ? `${shown} would be fetched from ${host}; the Project allows that host, but rendering has no network.`
      : `${shown} would be fetched from ${host}, which the Project does not allow (spec.remoteBases).`,
    where: { ...place },
    fix: "Copy what it names into this repository (kustomize localize does that), and name the copy by its path.",
  };
}

export const needsHelm = (field: string, place: Place): Problem => ({
  code: "PluginRefused",
  message: `${field} would have kustomize run Helm, and fetch charts; that is not done here.`,
  where: { ...place, field },
  fix: "Make the chart an App of its own with render.helm, or commit what it renders to.",
});

type Fields = Readonly<Record<string, unknown>>;

const FUNCTION_ANNOTATIONS = ["config.kubernetes.io/function", "config.k8s.io/function"];

/** Why the configuration of a generator, transformer or validator is not run; null when it is one of kustomize's own. */
export function pluginRefused(config: Fields, placeOf: (at: YamlPath) => Place): Problem | null {
  const kind = typeof config.kind === "string" ? config.kind : "";
  const apiVersion = typeof config.apiVersion === "string" ? config.apiVersion : "";
  if (kind === "HelmChartInflationGenerator") return needsHelm(kind, placeOf(["kind"]));
  const annotations = isRecord(config.metadata) ? config.metadata.annotations : undefined;
  const annotation = FUNCTION_ANNOTATIONS.find((name) => isRecord(annotations) && name in annotations);
  if (annotation === undefined && apiVersion === "builtin") return null;
  const place = annotation === undefined ? placeOf(["kind"]) : placeOf(["metadata", "annotations", annotation]);
  const what = annotation === undefined ? `${apiVersion || "without apiVersion"} is not built in` : "it is a function";
  return {
    code: "PluginRefused",
    message: `the plugin ${quote(kind)} would run a program of its own (${what}); only kustomize's built-in ones are run.`,
    where: { ...place },
    fix: "Use a built-in generator or transformer (apiVersion: builtin), or commit what the plugin makes.",
  };
}
