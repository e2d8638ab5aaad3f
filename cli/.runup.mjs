const { command } = await import('/work/main/cli/command/up.ts')
const { createOutput } = await import('/work/main/cli/terminal/output.ts')
const { readWords } = await import('/work/main/cli/command.ts')
const ac = new AbortController()
process.on('SIGINT', () => ac.abort())
process.on('SIGTERM', () => ac.abort())
const w = readWords(command, process.argv.slice(2))
try {
  process.exitCode = await command.run({ output: createOutput(w.values.json === true), ...w, signal: ac.signal })
} catch (e) {
  console.error(e)
  process.exitCode = 1
}
process.exit()
