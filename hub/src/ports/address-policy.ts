/** Which addresses a Source, a chart repository or a token endpoint may be at. */
export interface AddressPolicy {
  /**
   * Looks a host up and judges every address of the answer. What comes back is what must be connected to: looking the
   * name up again could answer otherwise.
   * @throws AppError "forbidden" (loopback, link-local, private or otherwise not of the outside, unless it is allowed),
   * "unavailable" (the name does not resolve).
   */
  resolve(host: string, opts: { signal: AbortSignal }): Promise<readonly string[]>;
}
