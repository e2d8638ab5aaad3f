// `npx drizzle-kit generate` here makes the next migration from `src/schema.ts`.
import { defineConfig } from 'drizzle-kit'

export default defineConfig({ dialect: 'sqlite', schema: './src/schema.ts', out: './migrations' })
