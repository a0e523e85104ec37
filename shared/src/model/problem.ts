import { z } from "zod";
import { objectRef } from "./object-ref.ts";

/** Stable codes: documented, tested, and safe for scripts to match on. */
export const problemCode = z.enum([
  // what was written
  "InvalidYaml",
  "InvalidObject",
  "KindMissing",
  "NameMissing",
  "DuplicateObject",
  "TooManyAliases",
  "FileTooLarge",
  "BundleTooLarge",
  "TooManyObjects",
  "NothingRendered",
  "PathNotFound",
  "UnknownField",
  "InvalidField",
  "UnknownVariable",
  "InvalidSubstitution",
  "PatchFailed",
  "SymlinkRefused",
  "SubmoduleRefused",
  "RenderFailed",
  "ChartUnavailable",
  "ChartKept",
  "RenderTimeout",
  "RenderMemory",
  "OutputTooLarge",
  "RendererMissing",
  "PathOutside",
  "RemoteRefused",
  "PluginRefused",
  "DependencyMissing",
  "NotReproducible",
  // what is defined in Git
  "DefinitionInvalid",
  "DefinitionForbidden",
  "DefinitionsMissing",
  "DefinitionKept",
  "ClusterNotRegistered",
  "OwnerConflict",
  "NothingMatched",
  // where it comes from
  "RepositoryUnreachable",
  "CredentialsRefused",
  "RefNotFound",
  "HistoryRewritten",
  "CommitHeld",
  "AddressForbidden",
  "SourceNotFound",
  "NoRevision",
  // what the Project says
  "ProjectForbids",
  "ProjectSuspended",
  "ProjectMissing",
  "QuotaExceeded",
  // what the cluster said
  "ApplyRefused",
  "Forbidden",
  "Conflict",
  "ImmutableField",
  "KindUnknown",
  "NotOwned",
  "RemovalNeedsApproval",
  "ClusterUnavailable",
  "NamespaceMissing",
  "Timeout",
  // what the agent refused
  "SignatureInvalid",
  "KeyUnknown",
  "GenerationOlder",
  "GenerationForked",
  "EpochUnknown",
  "WrongCluster",
  "WrongHub",
  "DigestMismatch",
  "CapabilityMissing",
  "MessageInvalid",
  "Internal",
]);
export type ProblemCode = z.infer<typeof problemCode>;

/** Worth knowing, and nothing that keeps a Source or an App from being what Git says. */
const NOTICES: ReadonlySet<string> = new Set<ProblemCode>([
  "HistoryRewritten",
  "CommitHeld",
  "ChartKept",
  "NotReproducible",
]);

export const isNotice = ({ code }: { readonly code: string }): boolean => NOTICES.has(code);

/** One thing that is wrong, told for people: what, where, and what to do. */
export const problem = z.object({
  code: problemCode,
  message: z.string().max(2_000),
  where: z
    .object({
      repository: z.string(),
      commit: z.string(),
      /** Path inside the repository. */
      path: z.string(),
      /** 1-based. */
      line: z.int().min(1),
      /** 1-based number of the YAML document in the file. */
      document: z.int().min(1),
      /** Field path inside the object, e.g. `spec.replicas`. */
      field: z.string(),
      object: objectRef,
      cluster: z.string(),
    })
    .partial()
    .default({}),
  fix: z.string().max(1_000).optional(),
});
export type Problem = z.infer<typeof problem>;
