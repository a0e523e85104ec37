import type { AppName } from "@muster/shared/model/ids.ts";
import type { Problem } from "@muster/shared/model/problem.ts";
import type { Owner } from "../../core/documents/owner.ts";
import { keepAppSets } from "./keep-app-sets.ts";
import { type DefinitionStatus, type ReadDefinitionsDeps, readDefinitions } from "./read-definitions.ts";

/** What comes of definitions that are not applied by hand: those in Git, and the Apps of AppSets. */
export interface Definitions {
  start(): void;
  stop(): Promise<void>;
  idle(): Promise<void>;
  /** A Source's Revision is another. */
  revisionFound(source: AppName): void;
  /** Null: the Source holds no definitions. */
  statusOf(source: AppName): DefinitionStatus | null;
  problemsOf(appSet: AppName): readonly Problem[];
  /** Keys of what an owner holds and may not have, because it is another's; the value is an AppSet's item. */
  claims(owner: Owner): ReadonlyMap<string, string>;
}

export function keepDefinitions(deps: ReadDefinitionsDeps): Definitions {
  const reader = readDefinitions(deps);
  const appSets = keepAppSets(deps);
  return {
    start() {
      reader.start();
      appSets.start();
    },
    async stop() {
      await reader.stop();
      await appSets.stop();
    },
    async idle() {
      // What is read may be an AppSet.
      await reader.idle();
      await appSets.idle();
    },
    revisionFound(source) {
      reader.wake(source);
      appSets.revisionFound(source);
    },
    statusOf: reader.of,
    problemsOf: appSets.problemsOf,
    claims(owner) {
      if (owner === "api") return new Map();
      return "source" in owner ? reader.claims(owner.source) : appSets.claims(owner.appSet);
    },
  };
}
