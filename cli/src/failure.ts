/**
 * What the command line exits with. Documented in docs/reference and by `muster help`; scripts may rely on them.
 */
export const EXIT = {
  ok: 0,
  /** It was understood and tried, and failed; or what was sent breaks a rule. */
  failed: 1,
  /** The command line itself was wrong, or asked for a yes that nobody could give. */
  usage: 2,
  notFound: 3,
  /** Nobody is logged in, the token is not known, it may not do this, or a certificate is not trusted. */
  refused: 4,
  /** The hub did not answer, or not in time. */
  unreachable: 5,
  /** Somebody else changed it first. */
  conflict: 6,
  /** Ctrl-C. */
  interrupted: 130,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Ends a command: what happened ("" when it was told already), what to do, and the exit code. Anything else that is thrown is a bug. */
export class Failure extends Error {
  readonly exitCode: ExitCode;
  readonly fix: string | undefined;

  constructor(exitCode: ExitCode, message: string, opts: { fix?: string | undefined; cause?: unknown } = {}) {
    super(message, opts.cause === undefined ? undefined : { cause: opts.cause });
    this.name = "Failure";
    this.exitCode = exitCode;
    this.fix = opts.fix;
  }
}

/** To scripts, 1 says that something differs: what could not be compared is something else. */
export async function asTrouble<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Failure) || error.exitCode !== EXIT.failed) throw error;
    throw new Failure(EXIT.usage, error.message, { fix: error.fix, cause: error });
  }
}
