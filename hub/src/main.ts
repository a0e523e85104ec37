/**
 * The hub. Flags and environment: config.ts. It writes JSON lines to standard output.
 *
 * Ends with: 0 told to stop (SIGTERM, SIGINT), and everything ended in order; 1 something failed for good; 2 the
 * configuration is wrong; 3 the data belongs to a newer Muster, to another process, or is damaged or incomplete: it is
 * left as it is.
 */
import { AppError, isAppError, messageOf } from "@muster/shared/errors.ts";
import { giveBackMemory } from "@muster/shared/give-back-memory.ts";
import { createLog, type Log } from "@muster/shared/log.ts";
import { type HubConfig, readConfig, usage } from "./config.ts";
import { createHubProcess } from "./create-hub-process.ts";

const exitCodes = { stopped: 0, failed: 1, configuration: 2, data: 3 } as const;

/** Aborted with a reason when the hub cannot go on, without one when it is told to stop. */
const stopping = new AbortController();
for (const signal of ["SIGTERM", "SIGINT"] as const) {
  // A second signal ends the process at once, as it would without us.
  process.once(signal, () => stopping.abort(null));
}

process.exitCode = await main();

async function main(): Promise<number> {
  if (process.argv.includes("--help")) {
    process.stdout.write(usage());
    return exitCodes.stopped;
  }
  let config: HubConfig;
  try {
    config = readConfig(process.argv.slice(2), process.env);
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n${error instanceof AppError && error.fix ? `${error.fix}\n` : ""}`);
    return exitCodes.configuration;
  }
  const log = createLog({ name: "hub", level: config["log-level"] });
  try {
    await run(config, log);
    log.info("stopped");
    return exitCodes.stopped;
  } catch (error) {
    const fix = error instanceof AppError && error.fix ? { fix: error.fix } : {};
    log.error({ err: error, ...fix }, "the hub cannot go on");
    const isAboutData = (["unsupported", "corrupt", "conflict", "not-found"] as const).some((code) =>
      isAppError(error, code),
    );
    return isAboutData ? exitCodes.data : exitCodes.failed;
  }
}

/** Starts the hub, waits until told to stop, and ends everything in reverse order. */
async function run(config: HubConfig, log: Log): Promise<void> {
  const stopGivingBack = giveBackMemory({ log });
  const onFatal = (error: unknown): void => stopping.abort(error);
  const hub = await createHubProcess(config, { log, onFatal, signal: stopping.signal });
  await new Promise<void>((resolve) => {
    stopping.signal.addEventListener("abort", () => resolve(), { once: true });
    if (stopping.signal.aborted) resolve();
  });
  log.info("stopping");
  stopGivingBack();
  await hub.close();
  if (stopping.signal.reason !== null) throw stopping.signal.reason;
}
