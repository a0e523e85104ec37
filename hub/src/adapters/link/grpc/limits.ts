/** What one hub process takes on from the outside. */
export interface LinkLimits {
  /** Open connections; more are closed unread. */
  readonly connectionsMax: number;
  /** TLS handshakes at once (each costs about 3 ms of CPU); more wait in line, with their sockets unread. */
  readonly handshakesAtOnceMax: number;
  readonly handshakesWaitingMax: number;
  readonly handshakeTimeoutMs: number;
  /** Agents being greeted at once; more wait in line, and beyond that are told to come again. */
  readonly greetingsAtOnceMax: number;
  readonly greetingsWaitingMax: number;
  /** From the opened stream to the whole Hello: it may be 4 MiB over 1 Mbit/s. */
  readonly helloTimeoutMs: number;
  /** Messages that wait for one agent; one that is slower is disconnected and gets the difference when it returns. */
  readonly outboxBytesMax: number;
  readonly fetchesPerPeerMax: number;
  readonly fetchesMax: number;
  /** A bundle's chunk that was not taken for this long ends the fetch; it is resumed by offset. */
  readonly chunkTimeoutMs: number;
}

export const LINK_LIMITS: LinkLimits = {
  connectionsMax: 20_000,
  handshakesAtOnceMax: 16,
  handshakesWaitingMax: 10_000,
  handshakeTimeoutMs: 15_000,
  greetingsAtOnceMax: 32,
  greetingsWaitingMax: 5_000,
  helloTimeoutMs: 60_000,
  outboxBytesMax: 8 * 1024 * 1024,
  fetchesPerPeerMax: 4,
  fetchesMax: 512,
  chunkTimeoutMs: 60_000,
};
