import { defineConfig } from "vitest/config";

// Real API servers, Git servers and agents are whole processes: two test files at once keep two cores busy.
const e2eWorkersMax = 2;

export default defineConfig({
  test: {
    teardownTimeout: 60_000,
    projects: [
      {
        test: {
          name: "unit",
          include: ["{shared,hub,agent,cli}/src/**/*.test.ts", "{bench,scripts}/**/*.test.ts"],
          exclude: ["**/node_modules/**", "**/dist/**"],
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: "e2e",
          include: ["e2e/**/*.test.ts"],
          exclude: ["**/node_modules/**", "**/dist/**"],
          testTimeout: 180_000,
          hookTimeout: 300_000,
          maxWorkers: e2eWorkersMax,
        },
      },
    ],
  },
});
