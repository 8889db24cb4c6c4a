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
      'In the repository, start it with `npm run -s barnraise -- ARGS`, which uses its own Node; ' +
      'elsewhere, install a newer Node.\n',
  )
  process.exit(2)
}

const { runProgram } = await import('./cli/program.ts')
await runProgram(process.argv)
