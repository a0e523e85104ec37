import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, join } from "node:path";

/** What keeps a process from the machine, from the strictest that may work here to what works everywhere. */
export interface Confinement {
  /** For people. */
  readonly description: string;
  /** Options of `unshare`; null: it is not used. */
  readonly unshare: readonly string[] | null;
  /** Nothing but the sandbox's own files can be opened. */
  readonly hasOwnRoot: boolean;
  readonly hasNoNetwork: boolean;
}

export interface ProcessLimits {
  /** Of address space: Go reserves more of it than it uses. */
  readonly addressSpaceBytes: number;
  readonly cpuSeconds: number;
  /** Of any file that is written. */
  readonly fileBytes: number;
}

/** Ends of the kernel's own: they hold even for what a killed hub leaves running. */
const LIMIT_SCRIPT =
  'ulimit -c 0; ulimit -v "$1" 2>/dev/null; ulimit -t "$2" 2>/dev/null; ulimit -f "$3" 2>/dev/null; shift 3; exec "$@"';

const NOBODY = 65_534;

/** What may work on this machine, the strictest first; each is to be tried with the tool itself. */
export function confinements(): readonly Confinement[] {
  const everywhere: Confinement = {
    description: "no network by the tool's own switches only, and files by what the hub checked before",
    unshare: null,
    hasOwnRoot: false,
    hasNoNetwork: false,
  };
  if (process.platform !== "linux" || findUnshare() === null) return [everywhere];
  const isRoot = process.getuid?.() === 0;
  const asUser = ["--user", "--map-current-user", "--net"];
  const withOwnRoot = isRoot ? [["--net", `--setgid=${NOBODY}`, `--setuid=${NOBODY}`], asUser] : [asUser];
  const without = isRoot ? [["--net"], asUser] : [asUser];
  return [
    ...withOwnRoot.map((unshare) => ({
      description: "a network namespace with nothing in it, and a file system root that holds only what is rendered",
      unshare,
      hasOwnRoot: true,
      hasNoNetwork: true,
    })),
    ...without.map((unshare) => ({
      description: "a network namespace with nothing in it; files by what the hub checked before",
      unshare,
      hasOwnRoot: false,
      hasNoNetwork: true,
    })),
    everywhere,
  ];
}

/** In words for people; what is not in force here is said too. */
export function describeConfinement({ description }: Confinement): string {
  const limits = existsSync("/proc/self/statm")
    ? "limits of time, memory and output"
    : "limits of time and output, none of memory";
  return `one process for each render: ${description}; ${limits}`;
}

/** The whole command line, program first. `root` is a path of the machine; `workingDirectory` one below that root. */
export function startArguments(
  confinement: Confinement,
  start: {
    readonly root: string;
    readonly workingDirectory: string;
    /** As the process will see it. */
    readonly binary: string;
    readonly args: readonly string[];
    readonly limits: ProcessLimits | null;
  },
): readonly string[] {
  const own = confinement.hasOwnRoot ? [`--root=${start.root}`, `--wd=${start.workingDirectory}`] : [];
  const unshare = confinement.unshare === null ? [] : [findUnshare() as string, ...confinement.unshare, ...own];
  const command = [...unshare, start.binary, ...start.args];
  if (start.limits === null) return command;
  const { addressSpaceBytes, cpuSeconds, fileBytes } = start.limits;
  const limits = [addressSpaceBytes / 1_024, cpuSeconds, fileBytes / 512].map((value) => String(Math.ceil(value)));
  return ["/bin/sh", "-c", LIMIT_SCRIPT, "sh", ...limits, ...command];
}

function findUnshare(): string | null {
  for (const folder of [...(process.env.PATH ?? "").split(delimiter), "/usr/bin", "/bin"]) {
    try {
      accessSync(join(folder, "unshare"), constants.X_OK);
      return join(folder, "unshare");
    } catch {
      // The next one, then.
    }
  }
  return null;
}
