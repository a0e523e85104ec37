import type { AppDefinition } from "@muster/shared/model/definitions/app.ts";
import type { SourceDefinition } from "@muster/shared/model/definitions/source.ts";
import { formatApp } from "@muster/shared/model/ids.ts";
import type { Problem } from "@muster/shared/model/problem.ts";
import { stableJson } from "@muster/shared/stable-json.ts";
import { nameOf, type StoredProject, type StoredSource, titleOf } from "../documents/definition.ts";
import { judgeApp, judgeSource, type ProjectRules } from "../policy.ts";
import { problemAt, type WrittenDefinition } from "./parse-file.ts";

/** What a definition from Git is judged by. */
export interface Jurisdiction {
  /** That holds the definition, as it is in force. */
  readonly source: StoredSource;
  /** Of the same name as a Source that is defined. */
  readonly storedSource: StoredSource | null;
  /** Of the Source's own Project; null: nobody defined it, so it limits nothing. */
  readonly project: StoredProject | null;
  /** Why the credential that a defined Source names is not for it; null: it is, or that shows later. */
  readonly credentialRefusal: { readonly message: string; readonly fix?: string | undefined } | null;
}

type Refusal = { readonly message: string; readonly field?: string; readonly fix: string };

/**
 * Whether a Source may define this; null when it may. A Source of a team defines Sources, Apps and AppSets of its own
 * Project, within the limits of that Project; no Source makes less of what it is reviewed by.
 */
export function judgeDefinition(written: WrittenDefinition, by: Jurisdiction): Problem | null {
  const refusal = refusalOf(written, by);
  return refusal === null ? null : problemAt(written, { code: "DefinitionForbidden", ...refusal });
}

const isFleet = ({ definition }: StoredSource): boolean => definition.spec.definitions?.fleet === true;

function refusalOf({ definition }: WrittenDefinition, by: Jurisdiction): Refusal | null {
  const { project, name } = nameOf(by.source);
  const of = `Source ${project}/${name}`;
  if (definition.kind === "Project" || definition.kind === "Cluster") {
    if (isFleet(by.source)) return null;
    return {
      message: `${of} belongs to Project ${project}, and may define no ${definition.kind}: those come from a fleet-level Source, or from an administrator. Nothing of it was taken.`,
      fix: `Take it out. Or an administrator marks the Source, with muster apply: spec.definitions.fleet: true`,
    };
  }
  if (!isFleet(by.source) && definition.metadata.project !== project) {
    return {
      message: `${of} may define only what is in its own Project, ${project}; this is in ${definition.metadata.project}. Nothing of it was taken.`,
      field: "metadata.project",
      fix: `Write metadata.project: ${project}`,
    };
  }
  switch (definition.kind) {
    case "Source":
      return refuseSource(definition, by);
    case "App":
      if (isFleet(by.source)) return null;
      return refuseApp(definition, project) ?? refuseByProject(definition, judgeApp(rulesOf(by), definition));
    case "AppSet":
      return isFleet(by.source) ? null : refuseApp(definition.spec.template, project);
  }
}

/** Objects of another Project's Apps are not a team's to take. */
function refuseApp(
  { spec }: Pick<AppDefinition, "spec"> | { spec: Record<string, unknown> },
  project: string,
): Refusal | null {
  const from = Array.isArray(spec.takesOverFrom) ? (spec.takesOverFrom as unknown[]).map(String) : [];
  const foreign = from.find((app) => app.includes("/") && !app.startsWith(`${project}/`));
  if (foreign === undefined) return null;
  return {
    message: `it would take over objects of ${foreign}, which is in another Project. Nothing of it was taken.`,
    field: "spec.takesOverFrom",
    fix: "Take it out. An administrator hands objects from one Project to another.",
  };
}

function refuseSource(definition: SourceDefinition, by: Jurisdiction): Refusal | null {
  const { spec, metadata } = definition;
  const stored = by.storedSource;
  if (spec.definitions?.fleet === true && !(isFleet(by.source) && stored !== null && isFleet(stored))) {
    return {
      message: "a Source cannot be made fleet-level from Git. Nothing of it was taken.",
      field: "spec.definitions.fleet",
      fix: "Take it out. An administrator says so, with muster apply.",
    };
  }
  const isItself = formatApp(metadata) === formatApp(nameOf(by.source));
  if (isItself) return refuseSelf(spec, by.source.definition.spec);
  return (
    refuseLooser(spec, by.source) ??
    (isFleet(by.source) ? null : refuseByProject(definition, judgeSource(rulesOf(by), definition))) ??
    (by.credentialRefusal === null ? null : refuseCredential(definition, by.credentialRefusal))
  );
}

/** What a Source is reviewed by, it cannot change about itself. */
function refuseSelf(spec: SourceDefinition["spec"], now: SourceDefinition["spec"]): Refusal | null {
  const kind = now.git === undefined ? "oci" : "git";
  const guarded: readonly (readonly [string, unknown, unknown])[] = [
    // To ask for signatures where none were asked for takes nothing away.
    ...(now.git?.verify === undefined ? [] : [["spec.git.verify", spec.git?.verify, now.git.verify] as const]),
    [`spec.${kind}.url`, spec[kind]?.url, now[kind]?.url],
    [`spec.${kind}.ref`, spec[kind]?.ref, now[kind]?.ref],
    [`spec.${kind}.credentials`, spec[kind]?.credentials, now[kind]?.credentials],
    ["spec.definitions", spec.definitions, now.definitions],
  ];
  const changed = guarded.find(([, wanted, present]) => stableJson(wanted ?? null) !== stableJson(present ?? null));
  if (changed === undefined) return null;
  const [field] = changed;
  const what =
    field === "spec.git.verify"
      ? "a Source cannot loosen its own verification"
      : "a Source cannot change where it is read from, and so escape its own review";
  return {
    message: `${what}: ${field} stays as it is. Nothing of it was taken.`,
    field,
    fix: "Put it back. An administrator changes it, with muster apply.",
  };
}

/** Definitions that a signed commit lets in from elsewhere must be signed as well. */
function refuseLooser(spec: SourceDefinition["spec"], source: StoredSource): Refusal | null {
  const signers = source.definition.spec.git?.verify?.signers;
  if (signers === undefined || spec.definitions === undefined) return null;
  const wanted = spec.git?.verify?.signers ?? [];
  if (wanted.length > 0 && wanted.every((signer) => signers.includes(signer))) return null;
  return {
    message: `it would hold definitions that fewer signers vouch for than for those of Source ${formatApp(nameOf(source))} itself. Nothing of it was taken.`,
    field: "spec.git.verify",
    fix: `Write spec.git.verify.signers: [${signers.join(", ")}]`,
  };
}

const rulesOf = ({ project }: Jurisdiction): ProjectRules => project?.definition.spec ?? null;

/** What the Project forbids would never render: refused here, the last good definition stays in force. */
function refuseByProject(definition: SourceDefinition | AppDefinition, [found]: readonly Problem[]): Refusal | null {
  if (found === undefined) return null;
  const { field } = found.where;
  const message = `${found.message.replace(`${titleOf(definition)}: `, "")} Nothing of it was taken.`;
  return { message, ...(field === undefined ? {} : { field }), fix: found.fix ?? "Ask an administrator to allow it." };
}

const refuseCredential = (
  { spec }: SourceDefinition,
  { message, fix }: { message: string; fix?: string | undefined },
): Refusal => ({
  message: `${message}. Nothing of it was taken.`,
  field: spec.git === undefined ? "spec.oci.credentials" : "spec.git.credentials",
  fix: fix ?? "Name a credential that is mounted for this address and Project.",
});
