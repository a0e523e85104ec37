import type { Paint } from "./paint.ts";

/** Where the command line talks to: a person's terminal, a pipe, or a test. */
export interface Terminal {
  /** To standard output. */
  write(text: string): void;
  /** To standard error. */
  warn(text: string): void;
  /** Columns of the terminal, or null when the output is no terminal: nothing is cut then. */
  readonly width: number | null;
  /** Whether a person can answer. */
  readonly isInteractive: boolean;
  readonly paint: Paint;
  /** Same, for standard error. */
  readonly paintWarning: Paint;
  /** Milliseconds since the epoch. */
  now(): number;
  /** Asks a yes-or-no question; anything but yes is no. */
  confirm(question: string): Promise<boolean>;
  /** Everything on standard input. @throws when it is larger than `bytesMax`. */
  readInput(bytesMax: number): Promise<string>;
  /** Replaces the text that the last call showed; on anything but a terminal it prints what is new below. */
  redraw(text: string): void;
  /** Leaves what was drawn last where it stands. */
  drawn(): void;
  /** Aborts when the person asks to stop. */
  readonly interrupted: AbortSignal;
}
