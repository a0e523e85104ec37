import type { Log } from "@muster/shared/log.ts";
import type { Terminal } from "../output/terminal.ts";
import { tookText } from "../output/time.ts";
import { createNarrator } from "./narrator.ts";
import { type OpenDemo, openDemoFleet } from "./open-demo-fleet.ts";
import { STEPS, tellStory } from "./story.ts";
import { lookAtClusters } from "./watch-clusters.ts";

/** How often the table looks at the clusters. */
const LOOK_EVERY_MS = 100;
/** For a reader's eyes between two steps, where somebody reads along. */
const PAUSE_MS = 1_500;

/** Tells the story from an empty folder to a rollback and cleans up. Answers whether every step was seen to hold. */
export async function runDemo(options: {
  readonly terminal: Terminal;
  readonly log: Log;
  readonly isOnce: boolean;
}): Promise<boolean> {
  const { terminal, log, isOnce } = options;
  const { interrupted } = terminal;
  const narrator = createNarrator(terminal, STEPS);
  const isReadAlong = terminal.width !== null && !isOnce;
  const startedAt = terminal.now();
  const looking = new AbortController();
  let demo: OpenDemo | null = null;
  let looked: Promise<void> = Promise.resolve();
  try {
    await narrator.step(0, async (say) => {
      say("making its keys, opening its database");
      const opened = await openDemoFleet({
        log,
        signal: interrupted,
        pause: () => (isReadAlong ? sleep(PAUSE_MS, interrupted) : Promise.resolve()),
        onFatal: (error) => {
          throw error;
        },
      });
      demo = opened;
      looked = keepLooking(opened, narrator, AbortSignal.any([looking.signal, interrupted]));
      return `${opened.fleet.hub.url}: REST API, signed assignments, an embedded database`;
    });
    const { fleet } = demo as unknown as OpenDemo;
    await tellStory(fleet, narrator);
    narrator.clusters(await lookAtClusters(fleet));
    const took = tookText(terminal.now() - startedAt);
    const next = "\n  Your own repository and clusters: npx muster up --repo URL --path DIR --context NAME";
    const stay = isOnce ? "" : "\n  The table stays live; Ctrl-C ends it and removes everything.";
    narrator.footer(`  ${terminal.paint("good", `All of it in ${took}.`)}${next}${stay}`);
    if (!isOnce) await untilAborted(interrupted);
    return true;
  } catch (error) {
    log.error({ err: error }, "the story ended early");
    return false;
  } finally {
    looking.abort();
    await looked;
    narrator.close();
    await (demo as OpenDemo | null)?.close();
  }
}

async function keepLooking({ fleet }: OpenDemo, narrator: ReturnType<typeof createNarrator>, signal: AbortSignal) {
  while (!signal.aborted) {
    narrator.clusters(await lookAtClusters(fleet));
    await sleep(LOOK_EVERY_MS, signal);
  }
}

const sleep = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done, { once: true });
  });

const untilAborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
