import type { Transferable, Worker } from "node:worker_threads";
import { abortedBy } from "@muster/shared/deadline.ts";
import { formatDuration } from "@muster/shared/duration.ts";
import { AppError } from "@muster/shared/errors.ts";

export interface WorkerPoolOptions {
  /** Starts a worker that answers every message with exactly one, and handles them one at a time. */
  readonly startWorker: () => Worker;
  readonly workersMax: number;
  /** Workers beyond those, only for a group of which none runs: so that one which fills all others keeps nobody waiting. */
  readonly spareMax: number;
  /** Tasks that may wait; one more is refused. */
  readonly queueLengthMax: number;
  /** A worker that had nothing to do for so long is stopped. */
  readonly idleMs: number;
  /** Told when a worker ended that had not been told to. */
  readonly onCrash?: (error: Error) => void;
}

export interface PoolTask {
  readonly message: unknown;
  readonly transfer?: readonly Transferable[];
  /** Groups take turns. */
  readonly group: string;
  /** For messages of errors: begins a sentence. */
  readonly what: string;
  /** How long the worker may take, and how long the task may wait for one before that. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/**
 * A few threads that take tasks one at a time: groups take turns, each first come first served.
 *
 * A task is waiting, then running, then settled. A running task that is cancelled or out of time costs its worker: a
 * thread deep in a computation can only be ended, and a fresh one takes its place when there is work. So one hostile
 * input holds up one worker for one deadline, many of one group hold up their own group, and what a task did to its
 * worker's memory goes with the worker.
 */
export class WorkerPool {
  readonly #options: WorkerPoolOptions;
  readonly #members = new Set<Member>();
  /** In the order of the groups' turns. */
  readonly #waiting = new Map<string, Set<Job>>();
  #waitingTotal = 0;
  #closed = false;

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
  }

  /** Starts one worker ahead of a task that is about to come. */
  warm(): void {
    if (this.#closed || this.#members.size > 0) return;
    // It rests until then: should the task not come, it goes again.
    this.#rest(this.#startMember());
  }

  get size(): number {
    return this.#members.size;
  }

  /**
   * The worker's answer.
   * @throws AppError "unavailable" (took too long, waited too long, too many wait), "cancelled" (by `signal`, or the
   * pool was closed); WorkerCrash when the worker died of this task.
   */
  run<T>(task: PoolTask): Promise<T> {
    if (this.#closed) return Promise.reject(closed(task));
    if (task.signal.aborted) return Promise.reject(abortedBy(task.signal, task.what));
    if (this.#waitingTotal >= this.#options.queueLengthMax) {
      return Promise.reject(new AppError("unavailable", `${task.what} was refused: ${this.#waitingTotal} others wait`));
    }
    return new Promise<T>((resolve, reject) => {
      const job = new Job(task, resolve as (value: unknown) => void, reject);
      job.onSettled = () => this.#dequeue(job);
      job.startTimer(`${task.what} found no free worker within`);
      this.#waiting.set(task.group, (this.#waiting.get(task.group) ?? new Set()).add(job));
      this.#waitingTotal += 1;
      this.#dispatch();
    });
  }

  /** Cancels what waits and runs, and ends every worker. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const jobs of [...this.#waiting.values()]) for (const job of [...jobs]) job.fail(closed(job.task));
    await Promise.all(
      [...this.#members].map((member) => {
        member.job?.fail(closed(member.job.task));
        return this.#end(member);
      }),
    );
  }

  #dispatch(): void {
    for (let job = this.#nextJob(); job !== null; job = this.#nextJob()) {
      this.#dequeue(job);
      this.#assign(this.#freeMember(), job);
    }
  }

  /** The first of the group whose turn it is, if there is a worker for it. */
  #nextJob(): Job | null {
    if (this.#closed) return null;
    const { workersMax, spareMax } = this.#options;
    const busy = [...this.#members].flatMap(({ job }) => (job === null ? [] : [job.task.group]));
    if (busy.length >= workersMax + spareMax) return null;
    for (const [group, [first]] of this.#waiting) {
      if (first !== undefined && (busy.length < workersMax || !busy.includes(group))) return first;
    }
    return null;
  }

  /** Its group has the last turn from then on. */
  #dequeue(job: Job): void {
    const { group } = job.task;
    const jobs = this.#waiting.get(group);
    if (jobs === undefined || !jobs.delete(job)) return;
    this.#waitingTotal -= 1;
    this.#waiting.delete(group);
    if (jobs.size > 0) this.#waiting.set(group, jobs);
  }

  #freeMember(): Member {
    for (const member of this.#members) if (member.job === null) return member;
    return this.#startMember();
  }

  #assign(member: Member, job: Job): void {
    clearTimeout(member.idleTimer);
    member.job = job;
    member.worker.ref();
    job.startTimer(`${job.task.what} took longer than`);
    // Whoever settles the job before the worker answered, the worker is of no more use.
    job.onSettled = () => {
      if (member.job === job) void this.#end(member);
    };
    member.worker.postMessage(job.task.message, job.task.transfer ?? []);
  }

  #startMember(): Member {
    const member: Member = { worker: this.#options.startWorker(), job: null, idleTimer: undefined };
    this.#members.add(member);
    member.worker.on("message", (answer) => {
      const job = member.job;
      member.job = null;
      job?.succeed(answer);
      this.#rest(member);
      this.#dispatch();
    });
    member.worker.on("error", (error) => this.#crashed(member, error as NodeJS.ErrnoException));
    member.worker.on("exit", (code) => {
      if (this.#members.has(member)) this.#crashed(member, new Error(`the worker ended with code ${code}`));
    });
    // An idle worker keeps no process alive.
    member.worker.unref();
    return member;
  }

  #rest(member: Member): void {
    member.worker.unref();
    member.idleTimer = setTimeout(() => {
      if (!member.job) void this.#end(member);
    }, this.#options.idleMs).unref();
  }

  #crashed(member: Member, error: NodeJS.ErrnoException): void {
    const job = member.job;
    member.job = null;
    void this.#end(member);
    this.#options.onCrash?.(error);
    job?.fail(new WorkerCrash(error));
  }

  async #end(member: Member): Promise<void> {
    if (!this.#members.delete(member)) return;
    clearTimeout(member.idleTimer);
    const ended = member.worker.terminate();
    if (!this.#closed) this.#dispatch();
    await ended;
  }
}

/** A worker died of its task: it ran out of memory, or hit a bug. */
export class WorkerCrash extends Error {
  readonly isOutOfMemory: boolean;

  constructor(cause: NodeJS.ErrnoException) {
    super(`a worker died: ${cause.message}`, { cause });
    this.name = "WorkerCrash";
    this.isOutOfMemory = cause.code === "ERR_WORKER_OUT_OF_MEMORY";
  }
}

interface Member {
  readonly worker: Worker;
  job: Job | null;
  idleTimer: NodeJS.Timeout | undefined;
}

class Job {
  readonly task: PoolTask;
  onSettled: () => void = () => {};
  readonly #resolve: (value: unknown) => void;
  readonly #reject: (error: Error) => void;
  #timer: NodeJS.Timeout | undefined;
  readonly #onAbort = () => this.fail(abortedBy(this.task.signal, this.task.what));

  constructor(task: PoolTask, resolve: (value: unknown) => void, reject: (error: Error) => void) {
    this.task = task;
    this.#resolve = resolve;
    this.#reject = reject;
    task.signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  startTimer(sentence: string): void {
    clearTimeout(this.#timer);
    const { timeoutMs } = this.task;
    this.#timer = setTimeout(
      () => this.fail(new AppError("unavailable", `${sentence} ${formatDuration(timeoutMs)}`)),
      timeoutMs,
    );
  }

  succeed(value: unknown): void {
    this.#settle();
    this.#resolve(value);
  }

  fail(error: Error): void {
    this.#settle();
    this.#reject(error);
  }

  #settle(): void {
    clearTimeout(this.#timer);
    this.task.signal.removeEventListener("abort", this.#onAbort);
    this.onSettled();
  }
}

const closed = (task: PoolTask): AppError =>
  new AppError("cancelled", `${task.what} was cancelled: the pool is closed`);
