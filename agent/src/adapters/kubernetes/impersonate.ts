import { AppError } from "@muster/shared/errors.ts";
import type { ServiceAccount } from "../../ports/cluster-api.ts";
import { ApiRefusal } from "./errors.ts";

/** How the API server names a service account; asked for it, it adds the account's groups itself. */
export const userNameOf = ({ namespace, name }: ServiceAccount): string => `system:serviceaccount:${namespace}:${name}`;

/** Whose rights are missing: the agent's, to act as the account, or the account's, to do what it was to do. */
export function explainImpersonation(error: unknown, account: ServiceAccount): unknown {
  if (!(error instanceof ApiRefusal) || error.code !== "forbidden") return error;
  const name = `${account.namespace}/${account.name}`;
  const isOwnRight = / cannot impersonate /.test(error.message);
  return new AppError("forbidden", error.message, {
    cause: error,
    fix: isOwnRight
      ? `Allow the agent to impersonate the service account ${name}: the verb impersonate on serviceaccounts in the namespace ${account.namespace}.`
      : `The App is applied as the service account ${name}, as its Project says. Bind a role to it that allows this, or take the object out of the App.`,
  });
}
