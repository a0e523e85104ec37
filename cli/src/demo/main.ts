// `npm run demo`: Muster's whole flow in one terminal, in seconds, with nothing to install.
//
//   npm run demo               then stays, with a live table, until Ctrl-C
//   npm run demo -- --once     exits when the story is over; not with 0 if a step failed
//   npm run demo -- --verbose  writes hub's and agents' logs to standard error
import { createLog } from "@muster/shared/log.ts";
import { readArguments } from "@muster/shared/read-arguments.ts";
import { pino } from "pino";
import { EXIT } from "../failure.ts";
import { systemTerminal } from "../system-terminal.ts";
import { runDemo } from "./run-demo.ts";

const usage = `Usage: npm run demo -- [--once] [--verbose]

  --once     exit when the story is over; not with 0 if a step failed
  --verbose  write the logs of hub and agents to standard error
`;

const { values: flags } = readArguments(
  { options: { once: { type: "boolean", default: false }, verbose: { type: "boolean", default: false } } },
  {
    usage,
    refuse(text) {
      process.stderr.write(`demo: ${text}`);
      process.exit(EXIT.usage);
    },
  },
);
const terminal = systemTerminal();
const log = createLog({
  name: "demo",
  level: flags.verbose ? "debug" : "silent",
  destination: pino.destination({ dest: 2, sync: true }),
});
const isTold = await runDemo({ terminal, log, isOnce: flags.once });
process.exit(isTold ? EXIT.ok : terminal.interrupted.aborted ? EXIT.interrupted : EXIT.failed);
