import type { components } from "../api/generated/hub-api.ts";
import { oneLine, printable } from "./printable.ts";

/** Codes that are newer than this client are told like any other. */
export type Problem = Omit<components["schemas"]["Problem"], "code"> & { readonly code: string };

/**
 * `apps/shop/deploy.yaml:17 (commit 4f2c9e1, document 2): "kind" is missing.` and, on lines of their own, what to do.
 */
export function problemText(problem: Problem): string {
  const place = placeOf(problem);
  const message = printable(problem.message);
  const isTold = place === "" || (problem.where.path !== undefined && message.startsWith(oneLine(problem.where.path)));
  const said = isTold ? message : `${place}: ${message}`;
  return problem.fix === undefined ? said : `${said}\n${printable(problem.fix)}`;
}

function placeOf({ where }: Problem): string {
  const subject = [where.cluster, objectOf(where.object)].filter((part) => part !== undefined).join(": ");
  if (where.path === undefined) return oneLine(subject);
  const file = where.line === undefined ? where.path : `${where.path}:${where.line}`;
  const details = [
    where.commit === undefined ? null : `commit ${where.commit.slice(0, 7)}`,
    where.document === undefined ? null : `document ${where.document}`,
  ].filter((detail) => detail !== null);
  const place = details.length === 0 ? file : `${file} (${details.join(", ")})`;
  return oneLine(subject === "" ? place : `${subject}: ${place}`);
}

function objectOf(object: Problem["where"]["object"]): string | undefined {
  if (object === undefined) return undefined;
  return object.namespace ? `${object.kind} ${object.namespace}/${object.name}` : `${object.kind} ${object.name}`;
}
