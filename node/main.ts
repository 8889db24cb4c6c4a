#!/usr/bin/env node
/**
 * The command `barnraise`. It looks at the Node it runs on before it loads anything that needs a
 * newer one.
 */

const NODE_VERSION_MIN = [22, 13] as const

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < NODE_VERSION_MIN[0] || (major === NODE_VERSION_MIN[0] && minor < NODE_VERSION_MIN[1])) {
  process.stderr.write(
    `Barnraise needs Node ${NODE_VERSION_MIN.join('.')} or newer: ` +
      `this is ${process.versions.node}. ` +
      'Install a newer one, or start it in a clone of the repository, which brings its own.\n',
  )
  process.exit(2)
}

// npm starts a script in the folder of its package; paths are meant from where the user stands.
const { INIT_CWD, npm_lifecycle_event: script = '' } = process.env
if (INIT_CWD !== undefined && ['barnraise', 'demo'].includes(script)) process.chdir(INIT_CWD)

for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    // The terminal is gone: what is done is handed in all the same (cli/interrupt.ts).
    if (error.code === 'EIO') return
    // Whoever reads the output may have read enough, as `head` has.
    if (error.code === 'EPIPE') process.exit()
    throw error
  })
}

// Node 22 says at each start that its SQLite is experimental; every other warning is shown.
const { emitWarning } = process
process.emitWarning = ((warning: string | Error, ...how: never[]) => {
  if (!`${warning}`.includes('SQLite is an experimental')) emitWarning(warning, ...how)
}) as typeof emitWarning

const { boundLog, LOG_VARIABLE } = await import('./guest/bounded-log.ts')
const log = process.env[LOG_VARIABLE]
// What it starts has a file of its own, or none.
delete process.env[LOG_VARIABLE]
if (log !== undefined) boundLog(log, (line) => process.stderr.write(`${line}\n`))

const { runProgram } = await import('./cli/program.ts')
await runProgram(process.argv)
