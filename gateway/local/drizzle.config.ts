// How drizzle-kit writes migrations. Paths are from the root of the repository, where it is run.

import { defineConfig } from 'drizzle-kit'

export default defineConfig({ dialect: 'sqlite', schema: './gateway/store/schema.ts', out: './migrations' })
