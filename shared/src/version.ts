/** Muster's own version: the same as in every package.json of the workspace. */
export const VERSION = "0.1.0";
