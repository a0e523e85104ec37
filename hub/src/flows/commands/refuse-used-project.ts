import { AppError } from "@muster/shared/errors.ts";
import { formatDefinition, type StoredProject } from "../../core/documents/definition.ts";
import type { HubState } from "../hub-state.ts";

/** What a Project holds would be without limits when it is gone. @throws AppError "conflict" while it holds anything. */
export function refuseUsedProject(state: HubState, { definition: { metadata } }: StoredProject): void {
  const { name } = metadata;
  const inside = [...state.definitions.values()].filter(
    ({ deleted, definition }) => !deleted && "project" in definition.metadata && definition.metadata.project === name,
  );
  const [first] = inside;
  if (first === undefined) return;
  const more = inside.length === 1 ? "" : ` and ${inside.length - 1} more`;
  const message = `Project ${name} holds ${formatDefinition(first)}${more}, which it would no longer limit.`;
  throw new AppError("conflict", message, { fix: "Delete what is in it first." });
}
