import type { Manifest } from "@muster/shared/manifest/parse.ts";
import { formatObject } from "@muster/shared/model/object-ref.ts";
import { nearestName } from "@muster/shared/nearest-name.ts";

/** ` Did you mean Deployment shop/web?`, or what else may help whoever looked for an object; "" when nothing does. */
export function hintOfObject(manifests: readonly Manifest[], wanted: { kind?: string; name?: string }): string {
  const { kind = "", name = "" } = wanted;
  const ofKind = manifests.filter(({ ref }) => ref.kind.toLowerCase() === kind.toLowerCase());
  const nearest = (among: readonly Manifest[]): Manifest | undefined => {
    const found = nearestName(
      name,
      among.map(({ ref }) => ref.name),
    );
    return found === null ? undefined : among.find(({ ref }) => ref.name === found);
  };
  const found =
    nearest(ofKind) ??
    (ofKind.length === 1 ? ofKind[0] : undefined) ??
    nearest(manifests) ??
    nearestKind(manifests, kind);
  if (found === undefined) return "";
  return ` Did you mean ${found.ref.apiVersion} ${formatObject(found.ref)}?`;
}

function nearestKind(manifests: readonly Manifest[], kind: string): Manifest | undefined {
  const kinds = [...new Set(manifests.map(({ ref }) => ref.kind))];
  const found = kind === "" ? null : nearestName(kind, kinds);
  return found === null ? undefined : manifests.find(({ ref }) => ref.kind === found);
}
