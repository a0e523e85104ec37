/** Hub and agent do it alike. */
export { giveBackMemory } from "@muster/shared/give-back-memory.ts";
