/**
 * Kustomize and helm for one hub: in a process that the hub starts, or in a container of its own, without egress and with
 * a memory limit. Flags and environment: renderer-config.ts. It writes JSON lines to standard output.
 *
 * Ends with: 0 told to stop (SIGTERM, SIGINT), or left by who started it; 1 something failed; 2 the configuration is wrong.
 */
import { AppError, messageOf } from "@muster/shared/errors.ts";
import { createLog } from "@muster/shared/log.ts";
import { createRendererProcess } from "./create-renderer-process.ts";
import { type RendererConfig, readRendererConfig, rendererUsage } from "./renderer-config.ts";
import { failureNews, type RendererNews } from "./renderer-news.ts";

const stopped = new Promise<void>((resolve) => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve());
  process.once("disconnect", () => resolve());
});

process.exitCode = await main();

async function main(): Promise<number> {
  if (process.argv.includes("--help")) {
    process.stdout.write(rendererUsage());
    return 0;
  }
  let config: RendererConfig;
  try {
    config = readRendererConfig(process.argv.slice(2), process.env);
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n${error instanceof AppError && error.fix ? `${error.fix}\n` : ""}`);
    return 2;
  }
  const log = createLog({ name: "renderer", level: config["log-level"] });
  try {
    const { close } = await createRendererProcess(config, log);
    tell({ kind: "serving" });
    await stopped;
    log.info("stopping");
    await close();
    return 0;
  } catch (error) {
    tell(failureNews(error));
    log.error({ err: error }, "the renderer cannot go on");
    return 1;
  } finally {
    if (process.connected) process.disconnect?.();
  }
}

function tell(news: RendererNews): void {
  process.send?.(news);
}
