import type { Clock } from "@muster/shared/clock.ts";
import type { Leases } from "../../../ports/store.ts";
import type { Connection } from "./connection.ts";

export function createLeases(connection: Connection, clock: Clock): Leases {
  return {
    acquire: (name, { holder, ttlMs }) => connection.run({ op: "acquire", name, holder, ttlMs, now: clock.now() }),
    renew: (name, { holder, term, ttlMs }) =>
      connection.run({ op: "renew", name, holder, term, ttlMs, now: clock.now() }),
    async release(name, { holder, term }) {
      await connection.run({ op: "release", name, holder, term });
    },
  };
}
