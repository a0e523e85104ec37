import type { Clock } from "@muster/shared/clock.ts";
import type { Log } from "@muster/shared/log.ts";
import { recoverIntent } from "../core/recover.ts";
import type { AuditDrain } from "./drain-audit.ts";
import type { HubState } from "./hub-state.ts";
import { KeyedLoop } from "./keyed-loop.ts";

/**
 * Carries operations out: each App's intent takes the operation's id together with its effect, so doing it again after
 * a crash is nothing. When all have it, the operation goes.
 */
export function runOperations(deps: {
  state: HubState;
  audit: AuditDrain;
  clock: Clock;
  random: () => number;
  log: Log;
}): KeyedLoop {
  const { state, audit, clock, log } = deps;
  return new KeyedLoop({
    name: "run operations",
    concurrencyMax: 2,
    clock,
    random: deps.random,
    log,
    work: async (id, signal) => {
      const operation = state.operations.get(id);
      if (operation === null) return;
      for (const { app, clusters, above } of operation.apps) {
        if (signal.aborted) return;
        await state.intents.write(app, (current) =>
          current === null || current.deletion !== null
            ? null
            : recoverIntent(current, {
                operation: id,
                clusters,
                above,
                epoch: state.epoch,
                reason: operation.reason,
                by: operation.by,
                now: clock.now(),
              }),
        );
      }
      await audit.flush();
      await state.operations.remove(id);
      log.info({ operation: id, apps: operation.apps.length }, "operation carried out");
    },
  });
}
