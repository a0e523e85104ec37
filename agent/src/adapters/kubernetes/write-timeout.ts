/** What one write may take unless told otherwise: the Lease leaves at least this long between "lost" and "taken". */
export const WRITE_TIMEOUT_MS = 15_000;
