/**
 * A tunnel that leads from one port of this machine to another, and talks as tunnels do. Run as a
 * program: `node stand-in-tunnel.ts FROM TO PIDFILE`, with 0 for another port each time.
 */
import { writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { argv, pid } from 'node:process'

const [, , from, to, pidFile = ''] = argv

const server = createServer((outside) => {
  const inside = connect(Number(to), '127.0.0.1')
  for (const socket of [outside, inside]) socket.on('error', () => {})
  outside.on('close', () => inside.destroy())
  inside.on('close', () => outside.destroy())
  outside.pipe(inside).pipe(outside)
})
server.listen(Number(from), '127.0.0.1', () => {
  console.log('By starting this you agree to https://tunnels.example/terms')
  console.log(`forwarding to http://localhost:${to}/`)
  const { port } = server.address() as AddressInfo
  console.error(`|  http://127.0.0.1:${port}  |`)
  writeFileSync(pidFile, String(pid))
})
