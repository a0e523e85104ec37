import type { Instant } from "@muster/shared/clock.ts";
import { AppError } from "@muster/shared/errors.ts";
import { type AppName, formatApp } from "@muster/shared/model/ids.ts";
import type { AuditEntry } from "./documents/audit-entry.ts";
import type { Release } from "./documents/release.ts";

/** The newest Release while it waits to be shipped: nothing but a renderer of another version made it. */
export function heldRelease(releases: ReadonlyMap<number, Release>): Release | null {
  let newest: Release | null = null;
  for (const release of releases.values()) if (release.number > (newest?.number ?? 0)) newest = release;
  return newest?.held ? newest : null;
}

/** `r43 is held: nothing but the renderer changed (helm 4.3.1 → helm 4.4.0)` */
export const heldInWords = ({ number, cause }: Release): string =>
  `r${number} is held: nothing but the renderer changed (${cause.detail})`;

export const shipText = (app: AppName, { number }: Pick<Release, "number">): string =>
  `muster release ship ${formatApp(app)} r${number}`;

/** A held Release, let go by a person. @throws AppError "conflict" when it is not held, or another took its place. */
export function shipRelease(
  current: Release,
  input: { app: AppName; newest: number; reason: string; actor: AuditEntry["actor"]; now: Instant },
): Release {
  const app = formatApp(input.app);
  const fix = `See what there is: muster app history ${app}`;
  if (!current.held) throw new AppError("conflict", `r${current.number} of ${app} is not held.`, { fix });
  if (input.newest > current.number) {
    throw new AppError("conflict", `r${current.number} of ${app} is not shipped: r${input.newest} took its place.`, {
      fix,
    });
  }
  return {
    ...current,
    held: false,
    audit: [
      ...current.audit,
      {
        id: `release.${current.app}.${current.number}.shipped`,
        at: input.now,
        actor: input.actor,
        action: "ReleaseShipped",
        subject: `app ${app}`,
        detail: `shipped r${current.number} (${current.cause.detail}): ${input.reason}`.slice(0, 2_000),
      },
    ],
  };
}
