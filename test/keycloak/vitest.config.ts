import { defineConfig } from 'vitest/config'

// vitest reads its configuration from a default export.
// biome-ignore lint/style/noDefaultExport: see above
export default defineConfig({
  test: {
    include: ['test/keycloak/**/*.test.ts'],
    fileParallelism: false,
    testTimeout: 120_000,
    // Keycloak takes its time to start.
    hookTimeout: 300_000,
  },
})
